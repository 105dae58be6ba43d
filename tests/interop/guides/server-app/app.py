import os
import secrets

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, session, url_for

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", secrets.token_bytes(32))
app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_NAME="notes")

brama = OAuth(app).register(
    "brama",
    server_metadata_url=os.environ.get("ISSUER", "http://localhost:8420") + "/.well-known/openid-configuration",
    client_id="notes",
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/")
def home():
    person = session.get("person")
    return f"signed in as {person['preferred_username']}" if person else "signed out"


@app.get("/sign-in")
def sign_in():
    return brama.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    try:
        tokens = brama.authorize_access_token()
    except OAuthError as error:
        return f"sign-in failed: {error.error}", 400
    session["id_token"] = tokens["id_token"]
    session["person"] = brama.userinfo(token=tokens)
    return redirect(url_for("home"))


@app.get("/sign-out")
def sign_out():
    id_token = session.pop("id_token", None)
    session.clear()
    return brama.logout_redirect(post_logout_redirect_uri=url_for("home", _external=True), id_token_hint=id_token)
