//! The authority over a real loopback socket, as browsers and programs meet it. Time is moved, never waited for.

mod binary;
mod caller;
mod clients;
mod codes;
mod device;
mod edges;
mod exchange;
mod grants;
mod handoff;
mod heartbeat;
mod idp;
mod key;
mod links;
mod organizations;
mod par;
mod persistence;
mod proofs;
mod redirects;
mod refresh;
mod session_link;
mod tokens;
mod upstream;
mod wait;
mod walk;
mod world;
