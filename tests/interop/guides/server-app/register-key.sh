node keys.mjs
brama client add notes-key --type web --auth-method private_key_jwt --jwks notes.jwks --require-par \
  --redirect-uri "$APP/callback" --post-logout-redirect-uri "$APP/" --backchannel-logout-uri "$APP/backchannel-logout"
