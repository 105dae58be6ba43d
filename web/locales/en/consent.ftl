### Consent: who asks, what, for how long, and how to withdraw (T1).

consent-title = Allow access?
consent-heading = Allow { $app } to use your account?
consent-unverified = The owner of this app has not been checked. Allow only if you trust { $domain }.
consent-app = App
consent-domain = Address
consent-answer-to = Answer goes to
consent-account = Your account
consent-asks = The app asks to
consent-lasts = How long
consent-lasts-session = Until this session ends. To withdraw sooner, end the session on the account page.
consent-lasts-offline = Until it is withdrawn, also after you sign out. To withdraw, ask the administrator of { $site }.
consent-account-page = Account page
consent-allow = Allow
consent-deny = Deny

scope-openid = know that it is you (an account number)
scope-profile = see your name, user name and language
scope-email = see your email address
scope-offline-access = keep access while you are not using the app
scope-other = use the permission “{ $scope }”
