CLIENT_SECRET=$(brama client add notes --type web --redirect-uri "$APP/callback" --post-logout-redirect-uri "$APP/" \
  --json | jq -r .client_secret)
