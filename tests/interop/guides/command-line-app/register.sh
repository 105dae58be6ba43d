brama client add notes-cli --type native --redirect-uri http://127.0.0.1/callback \
  --scope openid --scope profile --scope offline_access
