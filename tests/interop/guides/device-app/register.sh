brama client add notes-tv --type device --scope openid --scope profile --scope offline_access
