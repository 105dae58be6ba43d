python3 key.py
brama client add nightly --type service --auth-method private_key_jwt --jwks nightly.jwks --scope orders:read
