// Go on to the app. A link on the page, not a redirect, because `form-action` would stop a redirect
// that follows a form (WH-2). `replace` keeps the answer with the code out of the history.
location.replace(document.querySelector('#continue').href);
