//! One file for each thing that others have written too.

mod base64url;
mod id_token;
mod json;
mod json_suite;
mod requests;
