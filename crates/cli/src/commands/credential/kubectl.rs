//! kubectl's exec credential plugins: `ExecCredential` of `client.authentication.k8s.io/v1`.
//!
//! In a kubeconfig: `exec: { apiVersion: client.authentication.k8s.io/v1, command: acme, args: [credential, kubectl,
//! k8s.acme.example], interactiveMode: Never }`. With `provideClusterInfo: true` the cluster need not be named.

use serde::{Deserialize, Serialize};

use crate::commands::credential::stdio::print;
use crate::commands::credential::token::{Expiry, Token};
use crate::commands::credential::{chosen, entry, not_mapped};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::Host;
use crate::manifest::Credential;
use crate::words::Trouble;

/// What kubectl says in `KUBERNETES_EXEC_INFO`, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    api_version: String,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    server: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    api_version: &'a str,
    kind: &'static str,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    /// RFC 3339. Without it, kubectl keeps the token until a server refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_timestamp: Option<String>,
    token: &'a str,
}

const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

pub(super) fn run(context: &Context, cluster: Option<&str>) -> Result<Exit, Trouble> {
    let asked = asked(context)?;
    let api_version = asked.as_ref().map_or(VERSIONS[0], |asked| &asked.api_version);
    if !VERSIONS.contains(&api_version) {
        let versions = VERSIONS.join(" or ");
        return Err(Trouble::Usage(format!("`apiVersion` in the kubeconfig must be {versions}")));
    }
    let server = asked.as_ref().and_then(|asked| asked.spec.cluster.as_ref()).map(|cluster| &*cluster.server);
    let token = Token::of(context, mapped(context, cluster, server)?, Expiry::Told)?;
    let moment = token.expires_at.and_then(|moment| i64::try_from(moment.seconds()).ok());
    let moment = moment.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let status =
        Status { expiration_timestamp: moment.map(|moment| moment.to_string()), token: token.text() };
    let answer = ExecCredential { api_version, kind: "ExecCredential", status };
    print(serde_json::to_string(&answer).map_err(|error| Trouble::Usage(error.to_string()))?);
    Ok(Exit::Done)
}

/// The entry that the kubeconfig names, or the one of the server that kubectl is about to ask.
fn mapped<'a>(
    context: &'a Context,
    cluster: Option<&str>,
    server: Option<&str>,
) -> Result<&'a Credential, Trouble> {
    let Some(server) = server else { return chosen(context, cluster, |_| true).map(|(_, entry)| entry) };
    let host = Host::of_url(server);
    // What the kubeconfig names is not where the token goes: kubectl sends it to this server.
    if let Some(name) = cluster
        && Host::new(name) != host
    {
        return Err(Trouble::Usage(format!(
            "kubectl asks for `{}`, and `{}` is what its kubeconfig names",
            server.escape_debug(),
            name.escape_debug()
        )));
    }
    host.and_then(|host| entry(context, &host)).ok_or_else(|| not_mapped(server))
}

fn asked(context: &Context) -> Result<Option<Asked>, Trouble> {
    let Some(text) = context.environment.text("KUBERNETES_EXEC_INFO") else { return Ok(None) };
    let asked = serde_json::from_str(&text);
    asked.map(Some).map_err(|_| Trouble::Usage(String::from("KUBERNETES_EXEC_INFO cannot be read")))
}
