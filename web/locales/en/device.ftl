### Connecting another device: the code, the question, the end (EP-21, EP-23).

device-title = Connect a device
device-text = Enter the code that your TV, console or command line shows.
device-code = Code
device-code-hint = Eight letters. Capitals and the hyphen do not matter
device-warning = Continue only if you started this yourself. Never enter a code that somebody sent you.
device-submit = Continue
device-problem = The code was not accepted
device-empty = Enter the code
device-wrong = Check the code. If it is right, ask the device for a new one
device-expired = The code has expired. Ask the device for a new one
device-too-many = { $minutes ->
    [one] Too many wrong codes. Try again in { $minutes } minute
   *[other] Too many wrong codes. Try again in { $minutes } minutes
}

device-confirm-title = Connect this device?
device-confirm-heading = Connect a device to { $app }?
device-confirm-compare = Compare: the device has to show exactly this code.
device-confirm-warning = If somebody else sent you this link or code, choose “Deny”: they would get into your account.
device-confirm-address = The device asked from
device-confirm-here = the same address as yours
device-confirm-time = At
device-confirm-lasts = The device stays connected after you sign out here, until access is withdrawn or runs out.
device-confirm-question = Did you start this yourself, on a device that you hold or see?
device-confirm-allow = Yes, connect it

device-allowed-title = The device is connected
device-allowed-text = Go back to the device: it continues by itself in a few seconds. You may close this page.
device-denied-title = Access was denied
device-denied-text = The device was told so and got nothing. If somebody had sent you the code, tell whoever runs this site.
