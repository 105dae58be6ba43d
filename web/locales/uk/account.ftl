### Обліковий запис: хто я і де виконано вхід (T3).

account-title = Обліковий запис
account-name = Імʼя
account-username = Імʼя користувача
account-email = Ел. пошта
account-sign-out = Вийти
account-sessions = Де виконано вхід
account-sessions-count = { $count ->
    [one] { $count } сеанс
    [few] { $count } сеанси
    [many] { $count } сеансів
   *[other] { $count } сеансу
}
account-session-current = Цей пристрій
account-session-since = Вхід
account-session-seen = Востаннє
account-session-method = Спосіб
account-session-apps = Застосунки
account-session-end = Завершити сеанс
account-session-end-name = Завершити сеанс: { $device }
account-end-others = Завершити всі інші сеанси
account-end-all = Завершити всі сеанси, разом із цим
account-end-hint = Застосунки, відкриті через завершений сеанс, знову попросять увійти.
account-method-password = пароль
account-method-other = { $method } (інший спосіб)
account-notice-ended = Сеанс завершено
account-notice-others-ended = { $count ->
    [one] Завершено ще { $count } сеанс
    [few] Завершено ще { $count } сеанси
    [many] Завершено ще { $count } сеансів
   *[other] Завершено ще { $count } сеансу
}
account-notice-gone = Цей сеанс уже було завершено
account-notice-theft = Ключ входу одного з ваших застосунків було використано вдруге. Ми закрили йому доступ. Якщо це були не ви на іншому пристрої, завершіть усі сеанси нижче й змініть пароль

apps-title = Застосунки з доступом
apps-text = Ці застосунки можуть користуватися вашим обліковим записом.
apps-none = Жоден застосунок не має доступу до вашого облікового запису.
apps-unverified = Власника цього застосунку не перевірено.
apps-since = Відколи
apps-used = Востаннє
apps-not-in-use = не користується; запитувати знову не мусить
apps-may = Застосунок може
apps-withdraw = Відкликати доступ
apps-withdraw-name = Відкликати доступ: { $app }
apps-withdrawn = Застосунок більше не має доступу
apps-back = Обліковий запис
