### Problems: what happened, then what to do.

error-code = Code
error-request = Request
error-detail = Detail (development only)
error-back = Go back

error-app-link-title = Wrong link
error-app-link-text = The app “{ $app }” sent a wrong link. Tell its support team, code { $code }
error-unknown-app-title = Unknown app
error-unknown-app-text = The link came from an app that is not known here. Go back to the app and try again, or tell its support team the code
error-bad-request-title = The request was not understood
error-bad-request-text = The link or form is damaged. Go back to the app and start again
error-not-found-title = Page not found
error-not-found-text = There is no such page here. Check the address or go back to the app
error-forbidden-title = No access
error-forbidden-text = Your account cannot open this page. Ask the administrator for access
error-method-title = This page cannot be opened that way
error-method-text = Go back and use the form on the page
error-too-large-title = Too much data
error-too-large-text = The form or link is longer than this server takes. Shorten it and try again
error-wrong-host-title = Wrong address
error-wrong-host-text = This server does not answer under this address. Check the address bar or tell the administrator
error-too-many-title = Too many requests
error-too-many-text = Wait a minute and try again
error-unavailable-title = Not working right now
error-unavailable-text = Your data is safe. Try again in a minute
error-internal-title = Something broke on our side
error-internal-text = Your data is safe. Try again; if it happens again, tell the administrator the code and the request
error-stale-form-title = This page expired
error-stale-form-text = The form was open for too long or was already sent. Go back and start again
error-explanation = For developers
