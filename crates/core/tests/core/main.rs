//! Core from outside, and the order of the house.

mod device;
mod layers;
mod lists;
mod login;
mod record;
mod session;
