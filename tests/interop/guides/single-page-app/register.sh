brama client add notes-spa --type browser --redirect-uri "$APP/callback" --post-logout-redirect-uri "$APP/" --dpop-bound
