//! Whether a dump is being restored.

use pgrx::pg_sys;

/// True while psql or pg_restore replays a dump: it switches off both
/// `row_security` and `check_function_bodies`, and only a superuser can replay
/// one. Triggers that record what happens ask it, because nothing happens then:
/// what they recorded the first time is in the dump itself.
pub fn is_restoring() -> bool {
    unsafe {
        !pg_sys::row_security
            && !pg_sys::check_function_bodies
            && pg_sys::superuser_arg(pg_sys::GetSessionUserId())
    }
}
