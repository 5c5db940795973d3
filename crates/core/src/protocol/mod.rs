//! One step of one RFC a file, each with `request()` and `parse()`. Those of the feature `full` are the ones that no page
//! takes.
//!
//! | file | step | specification |
//! |---|---|---|
//! | `error_body` | error responses | RFC 6749 section 5.2 |
//! | `client_auth` | how a client shows that it is itself | RFC 6749 section 2.3, RFC 7523 section 2.2 |
//! | `pkce` | code verifier and challenge | RFC 7636 section 4 |
//! | `dpop` | proof of possession | RFC 9449 section 4 |
//! | `token_response` | what a token endpoint answers | RFC 6749 section 5.1 |
//! | `device` | codes to type elsewhere, and polling for the answer | RFC 8628 section 3 |
//! | `discovery` | where everything is | OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3, RFC 9207 section 3 |
//! | `webfinger` | whose issuer somebody has | OpenID Connect Discovery 1.0 section 2, RFC 7033 section 4 |
//! | `protected_resource` | who may give tokens for a resource | RFC 9728 sections 2 and 3 |
//! | `challenge` | how a resource asks for a token | RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1 |
//! | `client_metadata` | what a client says of itself | RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2, draft-ietf-oauth-client-id-metadata-document |
//! | `registration` | becoming a client | RFC 7591 section 3, RFC 7592 section 3 |
//! | `authorize` | to the server and back | RFC 6749 sections 4.1.1 and 4.1.2, RFC 9207 section 2 |
//! | `handoff` | the same by way of a dashboard, typed codes, sessions that are given away | RFC 6749 section 4.1.1, RFC 9180 section 5.1.2 |
//! | `par` | an authorization request handed in first | RFC 9126 section 2 |
//! | `exchange` | code for tokens | RFC 6749 section 4.1.3, RFC 7636 section 4.5 |
//! | `refresh` | refresh token for tokens | RFC 6749 section 6 |
//! | `jwks` | the issuer's keys | RFC 7517 section 5 |
//! | `id_token` | who signed in | OpenID Connect Core 1.0 sections 3.1.3.7 and 12.2 |
//! | `userinfo` | what the issuer tells about the person | OpenID Connect Core 1.0 section 5.3 |
//! | `initiate` | a login that another page asks for | OpenID Connect Core 1.0 section 4 |
//! | `end_session` | the end of the issuer's own session | OpenID Connect RP-Initiated Logout 1.0 |
//! | `token_exchange` | one token for another | RFC 8693 section 2 |
//! | `introspect` | what a token is worth | RFC 7662 section 2, RFC 9449 section 6.2 |
//! | `logout_token` | the issuer says that its session is over | OpenID Connect Back-Channel Logout 1.0 |
//! | `frontchannel_logout` | the same, by a frame | OpenID Connect Front-Channel Logout 1.0 |
//! | `revoke` | giving a grant back | RFC 7009 section 2 |

pub mod authorize;
#[cfg(feature = "full")]
pub mod challenge;
#[cfg(feature = "full")]
pub mod client_auth;
#[cfg(feature = "full")]
pub mod client_metadata;
#[cfg(feature = "full")]
pub mod device;
pub mod discovery;
pub mod dpop;
#[cfg(feature = "full")]
pub mod end_session;
pub mod error_body;
pub mod exchange;
#[cfg(feature = "full")]
pub mod frontchannel_logout;
#[cfg(feature = "full")]
pub mod handoff;
pub mod id_token;
#[cfg(feature = "full")]
pub mod initiate;
#[cfg(feature = "full")]
pub mod introspect;
pub mod jwks;
#[cfg(feature = "full")]
pub mod logout_token;
pub mod par;
pub mod pkce;
#[cfg(feature = "full")]
pub mod protected_resource;
pub mod refresh;
#[cfg(feature = "full")]
pub mod registration;
pub mod revoke;
#[cfg(feature = "full")]
pub mod token_exchange;
pub mod token_response;
#[cfg(feature = "full")]
pub mod userinfo;
#[cfg(feature = "full")]
pub mod webfinger;
