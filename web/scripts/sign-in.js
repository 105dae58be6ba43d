// Small comforts of the sign-in page. The form works without this file; nothing here is sent anywhere.

const form = document.querySelector('#sign-in');
const username = form.querySelector('#username');
const password = form.querySelector('#password');
const reveal = form.querySelector('#reveal');

// The problem summary takes the focus; `autofocus` does the same where scripts do not run (A2).
document.querySelector('#problem')?.focus();

// Show or hide the password: a toggle whose name stays the same (F5, UX-3).
function show(visible) {
  password.type = visible ? 'text' : 'password';
  reveal.setAttribute('aria-pressed', String(visible));
}
reveal.hidden = false;
reveal.addEventListener('click', () => {
  show(password.type === 'password');
});
// A page restored by the Back button starts hidden again.
addEventListener('pageshow', () => show(false));

// After a failed try: letters of the Ukrainian layout are the likely cause (G3).
const layout = form.querySelector('#layout-hint');
if (layout) {
  const check = () => {
    layout.hidden = !/\p{Script=Cyrillic}/u.test(username.value + password.value);
  };
  form.addEventListener('input', check);
  check();
}

// Offline: say so once instead of losing what was typed. The second press goes through,
// because browsers know about the network of this machine only.
const offline = form.querySelector('#offline');
addEventListener('online', () => {
  offline.hidden = true;
});
// A server on this very machine needs no network.
const here = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
form.addEventListener('submit', (event) => {
  if (!navigator.onLine && offline.hidden && !here) {
    event.preventDefault();
    offline.hidden = false;
    return;
  }
  show(false);
});
