### Дозвіл: хто просить, що, на скільки і як відкликати (T1).

consent-title = Надати доступ?
consent-heading = Надати застосунку { $app } доступ до облікового запису?
consent-unverified = Власника цього застосунку не перевірено. Дозволяйте, лише якщо довіряєте { $domain }.
consent-app = Застосунок
consent-domain = Адреса
consent-answer-to = Відповідь отримає
consent-account = Ваш обліковий запис
consent-asks = Застосунок просить
consent-asks-more = Тепер застосунок просить
consent-before = Йому вже дозволено
consent-resources = Сервіси
consent-lasts = На який час
consent-lasts-session = До кінця цього сеансу. Відкликати раніше можна на сторінці «Застосунки з доступом».
consent-lasts-offline = До відкликання, зокрема й після виходу. Відкликати можна на сторінці «Застосунки з доступом».
consent-apps-page = Застосунки з доступом
consent-account-page = Сторінка облікового запису
consent-policy = Як застосунок використовує ваші дані
consent-terms = Умови застосунку
consent-allow = Дозволити
consent-deny = Відмовити
consent-choose = Вибрати, що дозволити
consent-choose-text = Застосунок зможе лише те, що ви позначите. Можливо, він працюватиме не повністю.
consent-allow-chosen = Дозволити лише позначене
consent-chosen-nothing = Нічого не позначено. Позначте щось або відмовте.

scope-openid = знати, що це ви (номер облікового запису)
scope-profile = бачити ваше імʼя, імʼя користувача та мову
scope-email = бачити адресу вашої ел. пошти
scope-offline-access = зберігати доступ, коли ви не користуєтеся застосунком
scope-other = користуватися правом «{ $scope }»
