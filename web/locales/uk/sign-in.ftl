### Вхід, повернення до застосунку, вихід.

sign-in-title = Вхід
sign-in-to-app = щоб перейти до застосунку { $app } ({ $domain })
sign-in-to-account = до облікового запису
sign-in-username = Ел. пошта або імʼя користувача
sign-in-password = Пароль
sign-in-reveal = Показати
sign-in-reveal-name = Показати пароль
sign-in-remember = Не виходити на цьому пристрої
sign-in-remember-hint = Не вмикайте на спільному пристрої
sign-in-submit = Увійти
sign-in-layout-hint = Можливо, увімкнено українську розкладку
sign-in-offline = Немає зʼєднання. Перевірте інтернет
sign-in-reauthenticate = Застосунок { $app } просить підтвердити, що це ви. Введіть пароль ще раз
sign-in-reauthenticate-account = Підтвердьте, що це ви. Введіть пароль ще раз

sign-in-problem = Вхід не виконано
sign-in-empty-username = Введіть ел. пошту або імʼя користувача
sign-in-empty-password = Введіть пароль
sign-in-wrong-pair = Перевірте ел. пошту й пароль
sign-in-too-many = { $minutes ->
    [one] Забагато спроб. Спробуйте за { $minutes } хвилину
    [few] Забагато спроб. Спробуйте за { $minutes } хвилини
    [many] Забагато спроб. Спробуйте за { $minutes } хвилин
   *[other] Забагато спроб. Спробуйте за { $minutes } хвилини
}
sign-in-expired = Сторінка застаріла. Ми зберегли вашу адресу — увійдіть ще раз
sign-in-overloaded = Вхід тимчасово не працює. Ваші дані в безпеці. Спробуйте за хвилину

continue-title = Повернення до застосунку
continue-heading = Повернення до застосунку { $app }
continue-text = Це займе мить. Якщо нічого не відбувається, натисніть кнопку.
continue-link = Продовжити

leave-title = Вхід не завершено
leave-text = Застосунок «{ $app }» не може отримати те, що просив. Він хоче дізнатися про це за адресою { $domain }.
leave-careful = Власника цього застосунку не перевірено. Переходьте, лише якщо знаєте цю адресу.
leave-go-on = Перейти до { $domain }

select-account-title = Виберіть обліковий запис
select-account-signed-in = Вхід виконано
select-account-continue = Продовжити як { $name }
select-account-another = Інший обліковий запис
select-account-sign-out = Вийти з цього облікового запису

sign-out-title = Вихід
sign-out-heading = Вийти із сайту { $site }?
sign-out-from-app = Застосунок { $app } ({ $domain }) просить завершити ваш сеанс.
sign-out-effect = Застосунки, відкриті через цей сеанс, знову попросять увійти.
sign-out-as = Вхід виконано як { $username }.
sign-out-submit = Вийти
sign-out-stay = Залишитися
signed-out-title = Вихід виконано
signed-out-text = Сеанс на цьому пристрої завершено. На спільному пристрої закрийте також браузер.
signed-out-back = Назад до застосунку { $app }
signed-out-back-plain = Назад
