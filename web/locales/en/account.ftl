### Account: who am I, where am I signed in (T3).

account-title = Account
account-name = Name
account-username = User name
account-email = Email
account-sign-out = Sign out
account-sessions = Where you are signed in
account-sessions-count = { $count ->
    [one] { $count } session
   *[other] { $count } sessions
}
account-session-current = This device
account-session-since = Signed in
account-session-seen = Last seen
account-session-method = How
account-session-apps = Apps
account-session-end = End session
account-session-end-name = End session: { $device }
account-end-others = End all other sessions
account-end-all = End all sessions, this one too
account-end-hint = Apps opened with an ended session will ask to sign in again.
account-method-password = password
account-method-other = { $method } (other way)
account-notice-ended = The session has ended
account-notice-others-ended = { $count ->
    [one] { $count } other session has ended
   *[other] { $count } other sessions have ended
}
account-notice-gone = This session had already ended
account-notice-theft = A sign-in key of one of your apps was used a second time. We cut off its access. If that was not you on another device, end all sessions below and change your password

apps-title = Apps with access
apps-text = These apps may use your account.
apps-none = No app has access to your account.
apps-unverified = The owner of this app has not been checked.
apps-since = Since
apps-used = Last used
apps-not-in-use = not in use; it would not have to ask again
apps-may = The app may
apps-withdraw = Withdraw access
apps-withdraw-name = Withdraw access: { $app }
apps-withdrawn = The app has no access any more
apps-back = Account
