### Consent: who asks, what, for how long, and how to withdraw (T1).

consent-title = Allow access?
consent-heading = Allow { $app } to use your account?
consent-unverified = The owner of this app has not been checked. Allow only if you trust { $domain }.
consent-app = App
consent-domain = Address
consent-answer-to = Answer goes to
consent-account = Your account
consent-asks = The app asks to
consent-asks-more = The app now asks to
consent-before = You have allowed it already to
consent-resources = Services
consent-lasts = How long
consent-lasts-session = Until this session ends. You can withdraw it sooner on the page “Apps with access”.
consent-lasts-offline = Until you withdraw it, also after you sign out. You can do that on the page “Apps with access”.
consent-apps-page = Apps with access
consent-account-page = Account page
consent-policy = How the app uses your data
consent-terms = Terms of the app
consent-allow = Allow
consent-deny = Deny
consent-choose = Choose what to allow
consent-choose-text = The app can do only what you tick. It may then not work fully.
consent-allow-chosen = Allow only what is ticked
consent-chosen-nothing = Nothing is ticked. Tick something, or deny.

scope-openid = know that it is you (an account number)
scope-profile = see your name, user name and language
scope-email = see your email address
scope-offline-access = keep access while you are not using the app
scope-other = use the permission “{ $scope }”
