//! The token request: client credentials and one grant, as an enum. OAuth 2.1 §3.2.2.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::{ClientId, GrantType};
use crate::client_assertion;
use crate::error::{self, Refusal};
use crate::handle::{Handle, kind};
use crate::parameters::{Duplicate, Parameters};
use crate::pkce::Verifier;
use crate::scope::Scope;

/// How a client says who it is. OAuth 2.1 §2.4.
pub enum Credentials {
    /// A public client names itself. TE-5.
    None {
        /// Body `client_id`.
        client: ClientId,
    },
    /// A secret, in the `Authorization` header or in the body. TE-6, TE-7.
    Secret {
        /// The client it is said to be.
        client: ClientId,
        /// The secret, if it has the form of ours.
        secret: Option<Handle<kind::ClientSecret>>,
        /// Whether the `Authorization` header was used: then a failure is answered 401 with a challenge.
        basic: bool,
    },
    /// A JWT signed by the client. RFC 7523 §2.2; TE-11.
    Assertion {
        /// The client it is said to be.
        client: ClientId,
        /// The JWT, as it came.
        assertion: zeroize::Zeroizing<String>,
    },
}

impl Credentials {
    /// The client that the request says it comes from. Not yet authenticated.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        match self {
            Self::None { client } | Self::Secret { client, .. } | Self::Assertion { client, .. } => client,
        }
    }

    /// Read the credentials of a request. TE-2 to TE-8.
    ///
    /// `authorization`: all `Authorization` header values.
    ///
    /// # Errors
    /// `invalid_request` for two mechanisms at once, `invalid_client` for missing or unreadable ones.
    pub fn parse(authorization: &[&str], parameters: &Parameters) -> Result<Self, Refusal> {
        let one = |name| parameters.one(name).map_err(duplicate);
        let (body_client, body_secret) = (one("client_id")?, one("client_secret")?);
        let assertion = (one("client_assertion")?, one("client_assertion_type")?);
        if assertion != (None, None) {
            if !authorization.is_empty() || body_secret.is_some() {
                return Err((&error::SEVERAL_AUTHENTICATIONS).into());
            }
            return asserted(assertion, body_client);
        }
        match (authorization, body_secret) {
            ([], None) => match body_client.map(str::parse) {
                Some(Ok(client)) => Ok(Self::None { client }),
                _ => Err(Refusal::from(&error::CLIENT_UNAUTHENTICATED).with_detail("no client_id that could be one")),
            },
            ([], Some(secret)) => match body_client.map(str::parse) {
                Some(Ok(client)) => Ok(Self::Secret { client, secret: Handle::parse(secret), basic: false }),
                _ => Err(Refusal::from(&error::CLIENT_UNAUTHENTICATED).with_detail("client_secret without client_id")),
            },
            ([header], None) => {
                let (client, secret) = basic(header).ok_or_else(|| {
                    Refusal::from(&error::CLIENT_UNAUTHENTICATED)
                        .with_detail("the Authorization header is not readable as Basic")
                })?;
                if body_client.is_some_and(|body| body != client.as_str()) {
                    return Err(
                        Refusal::from(&error::SEVERAL_AUTHENTICATIONS).with_detail("client_id differs from Basic")
                    );
                }
                // An empty secret may be left out (RFC 6749 §2.3.1), so this is a public client that names itself. TE-5.
                if secret.is_empty() {
                    return Ok(Self::None { client });
                }
                Ok(Self::Secret { client, secret: Handle::parse(&secret), basic: true })
            }
            _ => Err((&error::SEVERAL_AUTHENTICATIONS).into()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.client())
    }
}

/// `client_assertion` with `client_assertion_type`, and the `client_id` beside them. RFC 7521 §4.2; TE-4, TE-10, TE-11.
fn asserted(parts: (Option<&str>, Option<&str>), body_client: Option<&str>) -> Result<Credentials, Refusal> {
    let unusable = |why: &str| Err(Refusal::from(&error::CLIENT_UNAUTHENTICATED).with_detail(why));
    let (Some(assertion), Some(assertion_type)) = parts else {
        return unusable("client_assertion and client_assertion_type belong together");
    };
    if assertion_type != client_assertion::ASSERTION_TYPE {
        return unusable("client_assertion_type is not supported");
    }
    let Some(client) = client_assertion::claimed_client(assertion) else {
        return unusable("client_assertion is not a JWT with a client id as sub");
    };
    if body_client.is_some_and(|body| body != client.as_str()) {
        return Err(Refusal::from(&error::SEVERAL_AUTHENTICATIONS).with_detail("client_id differs from the assertion"));
    }
    Ok(Credentials::Assertion { client, assertion: zeroize::Zeroizing::new(assertion.to_owned()) })
}

/// HTTP Basic with form-encoded halves. RFC 6749 §2.3.1; TE-7: no second try with the raw text.
fn basic(header: &str) -> Option<(ClientId, zeroize::Zeroizing<String>)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = zeroize::Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let colon = decoded.iter().position(|&b| b == b':')?;
    let (id, secret) = (decoded.get(..colon)?, decoded.get(colon + 1..)?);
    let form = |half: &[u8]| -> Option<String> {
        let mut pair = b"v=".to_vec();
        pair.extend_from_slice(half);
        // An `&` would begin a second pair: it has to be encoded.
        if half.contains(&b'&') {
            return None;
        }
        Some(Parameters::parse(&pair).ok()?.one("v").ok()?.unwrap_or_default().to_owned())
    };
    Some((form(id)?.parse().ok()?, zeroize::Zeroizing::new(form(secret)?)))
}

/// A parameter that came twice, as a refusal of the token endpoint.
#[must_use]
pub fn duplicate(Duplicate(name): Duplicate) -> Refusal {
    Refusal::from(&error::TOKEN_DUPLICATE).with_detail(format!("{name} twice"))
}

/// The grants of this server; metadata and registration are derived from this one enum.
pub enum Grant {
    /// OAuth 2.1 §4.1.3.
    AuthorizationCode {
        /// The code, if it has the form of ours.
        code: Option<Handle<kind::AuthorizationCode>>,
        /// What the challenge has to fit; absent for a code without one. AZ-23.
        verifier: Option<Verifier>,
        /// Optional; compared when sent. TE-21.
        redirect_uri: Option<String>,
    },
    /// OAuth 2.1 §4.3.
    RefreshToken {
        /// The token as it came.
        token: zeroize::Zeroizing<String>,
        /// A narrower scope for the access token. TE-28.
        scope: Option<Scope>,
    },
    /// OAuth 2.1 §4.2.
    ClientCredentials {
        /// What the client asks for.
        scope: Option<Scope>,
    },
    /// RFC 8628 §3.4.
    DeviceCode {
        /// The code, if it has the form of ours.
        code: Option<Handle<kind::DeviceCode>>,
        /// What the challenge has to fit, where the device sent one. DEVICE-03.
        verifier: Option<Verifier>,
    },
}

/// Only which of them it is: the rest are tokens, codes and verifiers.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Grant").field(&self.grant_type()).finish()
    }
}

/// The `grant_type` values, as metadata lists them.
#[must_use]
pub fn grant_types() -> [&'static str; GrantType::ALL.len()] {
    GrantType::ALL.map(GrantType::as_str)
}

impl Grant {
    /// Which of the grants it is. TE-37: the endpoint asks whether the client may use it.
    #[must_use]
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
            Self::DeviceCode { .. } => GrantType::DeviceCode,
        }
    }

    /// Read the grant of a token request. TE-1, TE-20, TE-37.
    ///
    /// # Errors
    /// `invalid_request` for missing or repeated parameters, `unsupported_grant_type`, `invalid_scope`.
    pub fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        let one = |name| parameters.one(name).map_err(duplicate);
        let needed = |name: &'static str| {
            one(name)?.ok_or_else(|| Refusal::from(&error::TOKEN_MISSING).with_detail(format!("{name} is missing")))
        };
        let scope = || match one("scope")? {
            None => Ok(None),
            Some(text) => Scope::parse(text).map(Some).map_err(|_| Refusal::from(&error::REFRESH_SCOPE)),
        };
        let verifier = || match one("code_verifier")? {
            None => Ok(None),
            Some(text) => Verifier::parse(text).map(Some).ok_or_else(|| Refusal::from(&error::VERIFIER_SYNTAX)),
        };
        let named = needed("grant_type")?;
        let grant = GrantType::ALL.into_iter().find(|grant| grant.as_str() == named).ok_or(&error::GRANT_TYPE)?;
        match grant {
            GrantType::AuthorizationCode => Ok(Self::AuthorizationCode {
                code: Handle::parse(needed("code")?),
                verifier: verifier()?,
                redirect_uri: one("redirect_uri")?.map(ToOwned::to_owned),
            }),
            GrantType::RefreshToken => Ok(Self::RefreshToken {
                token: zeroize::Zeroizing::new(needed("refresh_token")?.to_owned()),
                scope: scope()?,
            }),
            GrantType::ClientCredentials => Ok(Self::ClientCredentials { scope: scope()? }),
            GrantType::DeviceCode => {
                Ok(Self::DeviceCode { code: Handle::parse(needed("device_code")?), verifier: verifier()? })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn parameters(text: &str) -> Parameters {
        Parameters::parse(text.as_bytes()).unwrap()
    }

    fn header(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn refused(authorization: &[&str], body: &str) -> &'static str {
        Credentials::parse(authorization, &parameters(body)).unwrap_err().row.id
    }

    #[test]
    fn te4_one_mechanism_only() {
        let basic = header(&format!("shop:{SECRET}"));
        assert_eq!(refused(&[&basic], "client_secret=x"), "B3104");
        assert_eq!(refused(&[&basic, &basic], ""), "B3104");
        assert_eq!(refused(&[&basic], "client_id=other"), "B3104");
        assert!(Credentials::parse(&[&basic], &parameters("client_id=shop")).is_ok());
    }

    #[test]
    fn te7_basic_is_decoded_strictly() {
        for pair in ["shop", "sh%op:x", "shop:%", "a b:x", "shop:\u{ff}%c3"] {
            assert_eq!(refused(&[&header(pair)], ""), "B3110", "{pair}");
        }
        for header in ["Basic", "Basic !!!", "Bearer abc", ""] {
            assert_eq!(refused(&[header], ""), "B3110", "{header}");
        }
        let encoded = header(&format!("sho%70:{SECRET}")).replace("Basic", "bAsIc");
        let credentials = Credentials::parse(&[&encoded], &parameters("")).unwrap();
        assert!(
            matches!(&credentials, Credentials::Secret { client, secret: Some(_), basic: true } if client.as_str() == "shop")
        );
    }

    fn assertion(sub: &str) -> String {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{sub}"}}"#)))
    }

    #[test]
    fn te4_te10_te11_an_assertion_stands_alone_and_is_a_jwt() {
        let jwt = format!("client_assertion={}", assertion("shop"));
        let typed = format!("{jwt}&client_assertion_type={}", client_assertion::ASSERTION_TYPE);
        let basic = header(&format!("shop:{SECRET}"));
        assert_eq!(refused(&[&basic], &typed), "B3104");
        assert_eq!(refused(&["Bearer x"], &typed), "B3104");
        assert_eq!(refused(&[], &format!("{typed}&client_secret={SECRET}")), "B3104");
        assert_eq!(refused(&[], &format!("{typed}&client_id=other")), "B3104");
        assert_eq!(refused(&[], &format!("{typed}&{jwt}")), "B3102");
        assert_eq!(refused(&[], &jwt), "B3110");
        assert_eq!(refused(&[], &typed.replace("jwt-bearer", "saml2-bearer")), "B3110");
        assert_eq!(refused(&[], &typed.replace(&jwt, "client_assertion=x.y.z")), "B3110");
        assert_eq!(refused(&[], &format!("client_assertion_type={}", client_assertion::ASSERTION_TYPE)), "B3110");
        for body in [typed.clone(), format!("{typed}&client_id=shop")] {
            let credentials = Credentials::parse(&[], &parameters(&body)).unwrap();
            assert!(matches!(&credentials, Credentials::Assertion { client, .. } if client.as_str() == "shop"));
            assert_eq!(format!("{credentials:?}"), "Credentials(shop)");
        }
    }

    #[test]
    fn te5_an_empty_secret_is_none() {
        let basic = header("cli:");
        let credentials = Credentials::parse(&[&basic], &parameters("")).unwrap();
        assert!(matches!(&credentials, Credentials::None { client } if client.as_str() == "cli"));
        assert_eq!(refused(&[&basic], "client_id=other"), "B3104");
    }

    #[test]
    fn te5_a_public_client_names_itself() {
        assert_eq!(refused(&[], ""), "B3110");
        assert_eq!(refused(&[], "client_id=a/b"), "B3110");
        assert_eq!(refused(&[], "client_id=a&client_assertion=x"), "B3110");
        assert_eq!(refused(&[], "client_id=a&client_id=a"), "B3102");
        assert!(matches!(Credentials::parse(&[], &parameters("client_id=a")), Ok(Credentials::None { .. })));
    }

    #[test]
    fn te20_te37_grants() {
        let verifier = "v".repeat(43);
        for (body, id) in [
            (String::new(), "B3103"),
            ("grant_type=".to_owned(), "B3103"),
            ("grant_type=password&username=a&password=b".to_owned(), "B3120"),
            ("grant_type=implicit".to_owned(), "B3120"),
            ("grant_type=authorization_code&grant_type=authorization_code".to_owned(), "B3102"),
            (format!("grant_type=authorization_code&code_verifier={verifier}"), "B3103"),
            ("grant_type=urn:ietf:params:oauth:grant-type:device_code".to_owned(), "B3103"),
            (
                "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=x&code_verifier=short".to_owned(),
                "B3105",
            ),
            ("grant_type=device_code&device_code=x".to_owned(), "B3120"),
            ("grant_type=authorization_code&code=x&code_verifier=short".to_owned(), "B3105"),
            (format!("grant_type=authorization_code&code=x&code=x&code_verifier={verifier}"), "B3102"),
            ("grant_type=refresh_token".to_owned(), "B3103"),
            ("grant_type=refresh_token&refresh_token=x&scope=%22".to_owned(), "B3150"),
        ] {
            assert_eq!(Grant::parse(&parameters(&body)).unwrap_err().row.id, id, "{body}");
        }
        let body = format!("grant_type=authorization_code&code=foreign&code_verifier={verifier}");
        assert!(matches!(
            Grant::parse(&parameters(&body)),
            Ok(Grant::AuthorizationCode { code: None, redirect_uri: None, .. })
        ));
    }
}
