### Sign-in, the way back to the app, signing out.

sign-in-title = Sign in
sign-in-to-app = to continue to { $app } ({ $domain })
sign-in-to-account = to your account
sign-in-username = Email or user name
sign-in-password = Password
sign-in-reveal = Show
sign-in-reveal-name = Show password
sign-in-remember = Keep me signed in on this device
sign-in-remember-hint = Leave this off on a shared device
sign-in-submit = Sign in
sign-in-layout-hint = The Ukrainian keyboard layout may be on
sign-in-offline = You are offline. Check your connection
sign-in-reauthenticate = { $app } asks to confirm that it is you. Enter your password again
sign-in-reauthenticate-account = Confirm that it is you. Enter your password again

sign-in-problem = You are not signed in
sign-in-empty-username = Enter your email or user name
sign-in-empty-password = Enter your password
sign-in-wrong-pair = Check your email or user name and password
sign-in-too-many = { $minutes ->
    [one] Too many tries. Try again in { $minutes } minute
   *[other] Too many tries. Try again in { $minutes } minutes
}
sign-in-expired = This page expired. We kept your address — sign in again
sign-in-overloaded = Sign-in is not working right now. Your data is safe. Try again in a minute

continue-title = Going back to the app
continue-heading = Going back to { $app }
continue-text = This takes a moment. If nothing happens, press the button.
continue-link = Continue

leave-title = The sign-in was not completed
leave-text = The app “{ $app }” cannot be given what it asked for. It wants to be told at { $domain }.
leave-careful = The owner of this app has not been checked. Go on only if you know this address.
leave-go-on = Go on to { $domain }

select-account-title = Choose an account
select-account-signed-in = Signed in
select-account-continue = Continue as { $name }
select-account-another = Use another account
select-account-sign-out = Sign out of this account

sign-out-title = Sign out
sign-out-heading = Sign out of { $site }?
sign-out-from-app = { $app } ({ $domain }) asks to end your session.
sign-out-effect = Apps you entered with this session will ask you to sign in again.
sign-out-as = Signed in as { $username }.
sign-out-submit = Sign out
sign-out-stay = Stay signed in
signed-out-title = You are signed out
signed-out-text = The session on this device has ended. On a shared device, close the browser as well.
signed-out-back = Back to { $app }
signed-out-back-plain = Go back
