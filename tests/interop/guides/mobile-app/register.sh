brama client add notes-mobile --type native --redirect-uri com.example.notes:/callback --dpop-bound \
  --scope openid --scope profile --scope offline_access
