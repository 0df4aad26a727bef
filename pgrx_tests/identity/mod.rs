//! identity inside PostgreSQL.

mod people;
