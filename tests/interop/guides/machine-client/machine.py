import json
import os

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

ISSUER = os.environ.get("ISSUER", "http://localhost:8420")

with open("nightly.key") as file:
    key = ECKey.import_key(json.load(file))

session = OAuth2Session("nightly", key, token_endpoint_auth_method="private_key_jwt", scope="orders:read")
# The audience of the assertion is the issuer, and nothing else; the library would name the token endpoint.
session.register_client_auth_method(PrivateKeyJWT(ISSUER, headers={"kid": key.kid}, alg="ES256"))

metadata = session.get(f"{ISSUER}/.well-known/openid-configuration", withhold_token=True).json()
session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

answer = session.get(os.environ.get("API", f"{ISSUER}/api/protected-resource"))
print(answer.status_code, answer.text)
