"""Authlib without a framework: what its session object walks. Talks with the test in lines of JSON."""

import json
import sys

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet


def say(**values):
    print(json.dumps(values), flush=True)


asked = json.loads(sys.stdin.readline())
session = OAuth2Session(
    asked["client_id"],
    asked["client_secret"],
    token_endpoint_auth_method="client_secret_post",
    scope="openid profile offline_access",
    redirect_uri=asked["redirect_uri"],
    code_challenge_method="S256",
)
metadata = session.get(asked["issuer"] + "/.well-known/openid-configuration", withhold_token=True).json()
assert metadata["issuer"] == asked["issuer"]
session.metadata.update(metadata)

verifier, nonce = generate_token(48), generate_token()
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
say(url=url)

answer = sys.stdin.readline().strip()
tokens = session.fetch_token(metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier)
keys = KeySet.import_key_set(session.get(metadata["jwks_uri"], withhold_token=True).json())
token = jwt.decode(tokens["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
assert "at_hash" in token.claims
claims = CodeIDToken(
    token.claims,
    token.header,
    {"iss": {"essential": True, "value": asked["issuer"]}, "aud": {"essential": True, "value": asked["client_id"]}},
    {"nonce": nonce, "client_id": asked["client_id"], "access_token": tokens["access_token"]},
)
claims.validate(leeway=5)

first = tokens["access_token"]
session.refresh_token(metadata["token_endpoint"])
assert session.token["access_token"] != first
name = session.get(metadata["userinfo_endpoint"]).json()["preferred_username"]

ask = lambda text: session.introspect_token(metadata["introspection_endpoint"], token=text).json()
assert ask(session.token["access_token"])["active"] is True
assert session.revoke_token(metadata["revocation_endpoint"], token=session.token["refresh_token"]).status_code == 200
assert ask(session.token["access_token"]) == {"active": False}
try:
    session.refresh_token(metadata["token_endpoint"], refresh_token=tokens["refresh_token"])
    raise SystemExit("the refresh token is still good")
except OAuthError as error:
    say(name=name, refused=error.error)
