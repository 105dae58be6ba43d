//! Every place where the server reads a JWT, with tokens that are right there.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Algorithm, SigningKey, Typ};
use brama_protocol::client::{Client, ClientType};
use brama_protocol::dpop::access_token_hash;
use brama_testkit::{Browser, Call, RelyingParty, TestServer, seeds, tokens};
use serde_json::{Value, json};

use crate::oauth2::dpop::{Prover, TOKEN, bound};
use crate::oauth2::signer::{MACHINE, Signer, with};
use crate::support::{SESSION, Tokens};

/// A place where a JWT comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Assertion,
    ProofAtToken,
    ProofAtPar,
    ProofAtResource,
    HintAtAuthorize,
    HintAtLogout,
    UserInfo,
    Me,
    Introspection,
}

use Slot::{
    Assertion, HintAtAuthorize, HintAtLogout, Introspection, Me, ProofAtPar, ProofAtResource, ProofAtToken, UserInfo,
};

impl Slot {
    const ALL: [Self; 9] = [
        Assertion,
        ProofAtToken,
        ProofAtPar,
        ProofAtResource,
        HintAtAuthorize,
        HintAtLogout,
        UserInfo,
        Me,
        Introspection,
    ];

    /// The only tokens that bring their own key.
    pub(super) fn is_proof(self) -> bool {
        matches!(self, ProofAtToken | ProofAtPar | ProofAtResource)
    }

    pub(super) fn is_hint(self) -> bool {
        matches!(self, HintAtAuthorize | HintAtLogout)
    }

    /// The claims that are read there.
    pub(super) fn claims(self) -> &'static [&'static str] {
        match self {
            Assertion => &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"],
            ProofAtToken | ProofAtPar => &["jti", "htm", "htu", "iat"],
            ProofAtResource => &["jti", "htm", "htu", "iat", "ath"],
            HintAtAuthorize | HintAtLogout => &["iss", "sub", "aud", "exp", "iat"],
            UserInfo | Me | Introspection => &["iss", "sub", "aud", "exp", "iat", "jti", "client_id"],
        }
    }
}

/// A token that is right in its slot, before it is signed.
pub(super) struct Right {
    pub(super) slot: Slot,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) key: EcdsaKeyPair,
    /// The public key as a JWK.
    pub(super) public: Value,
}

impl Right {
    fn new(slot: Slot, typ: Typ, claims: Value, key: &SigningKey) -> Self {
        let public = serde_json::to_value(key.public()).unwrap();
        let mut header = json!({ "alg": "ES256", "typ": typ.as_str() });
        if slot.is_proof() {
            header["jwk"] = public.clone();
        } else {
            header["kid"] = key.kid().into();
        }
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.to_pkcs8()).unwrap();
        Self { slot, header, claims, key, public }
    }

    /// The same header with another member; `null` is the JSON value.
    pub(super) fn header(&self, name: &str, value: impl Into<Value>) -> String {
        let mut header = self.header.clone();
        header[name] = value.into();
        header.to_string()
    }

    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        signed(&self.key, header, claims)
    }

    pub(super) fn token(&self) -> String {
        self.sign(&self.header.to_string(), &self.claims.to_string())
    }

    /// The right token in its three parts.
    pub(super) fn parts(&self) -> [String; 3] {
        let token = self.token();
        token.split('.').map(ToOwned::to_owned).collect::<Vec<_>>().try_into().unwrap()
    }

    /// Another header over the right claims, signed by the right key.
    pub(super) fn under(&self, name: &str, value: impl Into<Value>) -> String {
        self.sign(&self.header(name, value), &self.claims.to_string())
    }

    /// A claim as this text, signed by the right key.
    pub(super) fn saying(&self, name: &str, raw: &str) -> String {
        let mut claims = self.claims.clone();
        claims[name] = "@@".into();
        self.sign(&self.header.to_string(), &claims.to_string().replace("\"@@\"", raw))
    }

    /// The right header and claims under a signature of these bytes.
    pub(super) fn over(&self, signature: impl AsRef<[u8]>) -> String {
        let [header, claims, _] = self.parts();
        format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub(super) fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(super) fn signed(key: &EcdsaKeyPair, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The server, and whoever has something to show in one of the slots.
struct Stage {
    server: TestServer,
    signer: Signer,
    prover: Prover,
    session: String,
    shop: Tokens,
    /// An access token that is bound to the prover.
    bound: String,
    asked: std::cell::Cell<u16>,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::with(|options| options.unlimited_addresses()).await;
        let api = Client {
            serves: vec![server.issuer().to_owned(), format!("{}/api", server.issuer())],
            ..seeds::client("api", ClientType::Service)
        };
        seeds::put_client(&server, api).await;
        let (signer, prover, shop) = (Signer::registered(&server).await, Prover::new(), RelyingParty::shop());
        let mut browser = Browser::new(&server);
        let code = browser.sign_in_for(&shop).await;
        let session = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
        let tokens = Tokens::of(&shop.redeem(&server, code.code()).await);
        let bound = bound(&server, &shop, &prover).await.member("access_token");
        drop(browser);
        Self { signer, prover, session, shop: tokens, bound, asked: 0.into(), server }
    }

    /// A token that is right now, and was never used.
    fn right(&self, slot: Slot) -> Right {
        let proof = |method, path, changes| Prover::claims(&self.server, method, path, changes);
        let claims = match slot {
            Assertion => Signer::claims(&self.server, json!({})),
            ProofAtToken => proof("POST", TOKEN, json!({})),
            ProofAtPar => proof("POST", "/oauth2/par", json!({})),
            ProofAtResource => proof("GET", "/userinfo", json!({ "ath": access_token_hash(&self.bound) })),
            HintAtAuthorize | HintAtLogout => tokens::peek(&self.shop.id).1,
            UserInfo | Me | Introspection => tokens::peek(&self.shop.access).1,
        };
        let catalog = self.server.deployment.catalog.get();
        let (typ, key) = match slot {
            Assertion => (Typ::ClientAuthentication, &self.signer.key),
            ProofAtToken | ProofAtPar | ProofAtResource => (Typ::DpopProof, &self.prover.0),
            HintAtAuthorize | HintAtLogout => {
                (Typ::IdToken, catalog.keyring.for_access_tokens(self.server.ctx().now).unwrap())
            }
            UserInfo | Me | Introspection => {
                (Typ::AccessToken, catalog.keyring.for_access_tokens(self.server.ctx().now).unwrap())
            }
        };
        assert_eq!(key.algorithm(), Algorithm::Es256);
        Right::new(slot, typ, claims, key)
    }

    /// Whether the token opens what it is for. Each is brought from another address, so that no failure counts for the next.
    async fn accepts(&self, slot: Slot, token: &str) -> bool {
        let in_header = !matches!(slot, Assertion | HintAtAuthorize | HintAtLogout | Introspection);
        if in_header && token.contains(['\n', '\0']) || slot.is_hint() && token.len() > 20_000 {
            // Neither can be sent.
            return false;
        }
        self.asked.set(self.asked.get() + 1);
        let post = |path: &str| self.server.post(path);
        let call = match slot {
            Assertion => post(TOKEN).form(&with(token, &[MACHINE])),
            ProofAtToken => self.robot(post(TOKEN)).form(&[MACHINE]).header("dpop", token),
            ProofAtPar => {
                let shop = RelyingParty::shop();
                let parameters = shop.parameters(&[]);
                let fields: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
                post("/oauth2/par").basic(seeds::SHOP, &seeds::secret(seeds::SHOP)).form(&fields).header("dpop", token)
            }
            ProofAtResource => {
                let call = self.server.get("/userinfo").header("authorization", &format!("DPoP {}", self.bound));
                call.header("dpop", token)
            }
            HintAtAuthorize => {
                let changes = [("prompt", "none"), ("id_token_hint", token)];
                self.server.get(&RelyingParty::shop().authorize_url(&changes)).cookie(&self.session)
            }
            HintAtLogout => {
                let pairs = [("id_token_hint", token), ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT)];
                let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                self.server.get(&format!("/oauth2/logout?{query}"))
            }
            UserInfo => self.server.get("/userinfo").bearer(token),
            Me => self.server.get("/api/auth/me").bearer(token),
            Introspection => post("/oauth2/introspect").basic("api", &seeds::secret("api")).form(&[("token", token)]),
        };
        let reply = call.peer(&format!("2001:db8:{:x}::1", self.asked.get())).send().await;
        assert!(reply.status != 429 && !reply.status.is_server_error(), "{slot:?}: {reply}");
        match slot {
            HintAtAuthorize => reply.header("location").is_some_and(|to| to.contains("code=")),
            HintAtLogout => reply.header("location").is_some_and(|to| to.starts_with(seeds::SHOP_SIGNED_OUT)),
            Introspection => reply.status == 200 && reply.json()["active"] == json!(true),
            _ => reply.status.is_success(),
        }
    }

    fn robot<'s>(&self, call: Call<'s>) -> Call<'s> {
        call.basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT))
    }
}

/// In every slot the right token is accepted, and no forgery of it is; nobody is asked for a key. All slots are tried before
/// it fails, and those that took a forgery are named: `museum::faults` demands which.
pub(super) async fn refused_everywhere(forge: impl Fn(&Right) -> Vec<String>) {
    let stage = Stage::new().await;
    let (mut taken, mut forgeries) = (Vec::new(), Vec::new());
    for slot in Slot::ALL {
        assert!(stage.accepts(slot, &stage.right(slot).token()).await, "{slot:?}: what is right");
        for forged in forge(&stage.right(slot)) {
            let shown: String = forged.chars().take(2000).collect();
            if stage.accepts(slot, &forged).await {
                taken.push(slot);
                forgeries.push(shown);
                break;
            }
            // What cannot be read cannot be revoked either.
            if slot == Introspection {
                let call = stage.server.post("/oauth2/revoke").basic(seeds::SHOP, &seeds::secret(seeds::SHOP));
                assert!(!call.form(&[("token", &forged)]).send().await.status.is_server_error(), "{shown}");
            }
        }
        assert!(
            taken.contains(&slot) || stage.accepts(slot, &stage.right(slot).token()).await,
            "{slot:?}: still right"
        );
    }
    assert!(taken.is_empty(), "forgeries taken at {taken:?}: {forgeries:#?}");
    assert!(stage.server.world.fetched().is_empty(), "{:?}", stage.server.world.fetched());
}
