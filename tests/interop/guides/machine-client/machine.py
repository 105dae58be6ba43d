import json
import os
import time

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

ISSUER = os.environ.get("ISSUER", "http://localhost:8420")

with open("nightly.key") as file:
    key = ECKey.import_key(json.load(file))

session = OAuth2Session("nightly", key, token_endpoint_auth_method="private_key_jwt", scope="orders:read")
# Otherwise the library would name the token endpoint as the audience and let the assertion live for an hour.
claims = {"exp": int(time.time()) + 60}
session.register_client_auth_method(PrivateKeyJWT(ISSUER, claims, headers={"kid": key.kid}, alg="ES256"))

metadata = session.get(f"{ISSUER}/.well-known/openid-configuration", withhold_token=True).json()
session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

answer = session.get(os.environ.get("API", f"{ISSUER}/api/protected-resource"))
print(answer.status_code, answer.text)
