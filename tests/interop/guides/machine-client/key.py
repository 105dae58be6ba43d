import json
import os

from joserfc.jwk import ECKey

key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
with os.fdopen(os.open("nightly.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
    json.dump(key.as_dict(private=True), file)
with open("nightly.jwks", "w") as file:
    json.dump({"keys": [key.as_dict(private=False)]}, file)
