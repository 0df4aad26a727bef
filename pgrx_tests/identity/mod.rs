//! identity inside PostgreSQL.

mod admins;
mod client;
mod erasure;
mod factors;
mod messages;
mod people;
mod sessions;
mod sign_in;
mod sign_up;
mod user;
