//! The library as a program links it, against an issuer of ours on real sockets. Sessions lie in plain files, so that
//! no keyring of the person who runs this is touched.

mod handoff;
mod issuer;
mod login;
mod parked;
mod request;
mod rig;
mod share;
