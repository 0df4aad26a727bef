//! SQL of profiles and customers.

use crate::identity;
use crate::kernel::clock::transaction_start;
use crate::kernel::error::Result;
use crate::kernel::rows::{self, Insert, Table};
use crate::kernel::spi::Query;
use crate::network::profile::{NewProfile, Profile, Role};
use pgrx::{JsonB, Uuid};

pub use crate::kernel::rows::Record;

static PROFILES: Table = Table { schema: c"network", name: c"profiles", vouched: &[] };
static FIND: Query = Query::read(
    "select role::text, status = 'Active', pins
       from network.profiles where id = $1",
);
static LOCK: Query =
    Query::write("select id from network.profiles where id = $1 for no key update");
static ROW: Query = Query::read("select p from network.profiles p where id = $1");
static INSERT: Query = Query::write(
    "insert into network.profiles
        (id, email, name, phone, role, promoter_id, customer_id, parent_promoter_id, address)
     select u.id, u.email, u.name, u.phone, $2::text::network.user_role,
            case when $2 = 'promoter' then $3 end, case when $2 = 'customer' then $3 end, $4, $5
       from identity.users u where u.id = $1",
);
static INSERT_CUSTOMER: Insert = Insert::into(
    c"network",
    c"customers",
    &["id", "promoter_id", "source", "commission_status", "metadata", "created_at", "updated_at"],
)
// None is pending, which is what the trigger waits for.
.vouching(&["customers_commission_promoter_check", "customers_commission"]);
static APPEND: Insert = Insert::into(
    c"network",
    c"profiles",
    &[
        "id",
        "email",
        "name",
        "phone",
        "role",
        "promoter_id",
        "customer_id",
        "parent_promoter_id",
        "role_level",
        "status",
        "address",
        "pins",
        "created_at",
        "updated_at",
    ],
)
.vouching(&["profiles_role_check"]);
static MAKE_ADMIN: Query = Query::write(
    "update network.profiles set role = 'admin', updated_at = now()
      where id = $1 and role = 'customer'
        and exists (select from network.customers c where c.id = $1 and c.promoter_id is null)",
);
static UPDATE: Query = Query::write(
    "update network.profiles
        set address = case when $2 then $3 else address end,
            status = coalesce($4, status),
            role_level = coalesce($5, role_level),
            updated_at = now()
      where id = $1",
);
static COPY_PERSON: Query = Query::write(
    "update network.profiles p
        set email = u.email, phone = u.phone, name = u.name, updated_at = now()
       from identity.users u
      where u.id = $1 and p.id = u.id",
);
static SAME_CUSTOMER: Query = Query::read(
    "select c.promoter_id, p.email, p.phone, p.name
       from network.customers c join network.profiles p on p.id = c.id where c.id = $1",
);
static CUSTOMERS_OF: Query = Query::read(
    "select p from network.profiles p
       join network.customers c on c.id = p.id
      where c.promoter_id = $1 order by c.created_at, c.id",
);

pub fn find(id: Uuid) -> Result<Option<Profile>> {
    FIND.first(&[id.into()], |row| {
        Ok(Profile {
            role: Role::parse(&row.get::<String>(1)?),
            active: row.get(2)?,
            pins: row.get(3)?,
        })
    })
}

/// Keeps a profile as it is until the transaction ends.
pub fn lock(id: Uuid) -> Result<()> {
    LOCK.run(&[id.into()])?;
    Ok(())
}

pub fn row(id: Uuid) -> Result<Record> {
    if rows::may_write()
        && let Some(row) = PROFILES.open()?.record(&[id.into()])?
    {
        return Ok(row);
    }
    ROW.one(&[id.into()], |row| row.get(1))
}

pub fn insert(new: &NewProfile<'_>) -> Result<()> {
    let numbered = new.number.is_some() || new.role == Role::Admin;
    if numbered && new.parent != Some(new.id) && rows::sees_latest() {
        return append(new);
    }
    INSERT.run(&[
        new.id.into(),
        new.role.as_str().into(),
        new.number.into(),
        new.parent.into(),
        new.address.into(),
    ])?;
    Ok(())
}

/// [`insert`] without a statement, of what keeps the rule of the roles. Nothing for
/// whom identity does not know.
fn append(new: &NewProfile<'_>) -> Result<()> {
    let Some(person) = identity::contact(new.id)? else { return Ok(()) };
    let number = |role: Role| new.number.filter(|_| new.role == role);
    let now = transaction_start();
    APPEND.run([[
        new.id.into(),
        person.email.into(),
        person.name.into(),
        person.phone.into(),
        new.role.as_str().into(),
        number(Role::Promoter).into(),
        number(Role::Customer).into(),
        new.parent.into(),
        "Affiliate".into(),
        "Active".into(),
        new.address.into(),
        0.into(),
        now.into(),
        now.into(),
    ]])
}

/// What a customer has beyond the profile; whoever brought them is paid next.
pub fn insert_customer(
    id: Uuid,
    promoter: Option<Uuid>,
    source: &str,
    metadata: serde_json::Value,
) -> Result<()> {
    let status = if promoter.is_some() { "distributed" } else { "none" };
    let now = transaction_start();
    INSERT_CUSTOMER.run([[
        id.into(),
        promoter.into(),
        source.into(),
        status.into(),
        JsonB(metadata).into(),
        now.into(),
        now.into(),
    ]])
}

/// Of somebody who signed up alone; everybody else stays what they are.
pub fn make_admin(id: Uuid) -> Result<()> {
    MAKE_ADMIN.run(&[id.into()])?;
    Ok(())
}

/// The columns that a profile owns itself; `None` keeps one.
#[derive(Default)]
pub struct Changes<'a> {
    /// The new address, which may be none.
    pub address: Option<Option<&'a str>>,
    pub status: Option<&'a str>,
    pub role_level: Option<&'a str>,
}

pub fn update(id: Uuid, changes: &Changes<'_>) -> Result<()> {
    UPDATE.run(&[
        id.into(),
        changes.address.is_some().into(),
        changes.address.flatten().into(),
        changes.status.into(),
        changes.role_level.into(),
    ])?;
    Ok(())
}

pub fn copy_person(id: Uuid) -> Result<()> {
    COPY_PERSON.run(&[id.into()])?;
    Ok(())
}

/// What a repeated creation of the same customer is compared with.
pub struct ExistingCustomer {
    pub promoter: Option<Uuid>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub name: Option<String>,
}

pub fn existing_customer(id: Uuid) -> Result<Option<ExistingCustomer>> {
    SAME_CUSTOMER.first(&[id.into()], |row| {
        Ok(ExistingCustomer {
            promoter: row.opt(1)?,
            email: row.opt(2)?,
            phone: row.opt(3)?,
            name: row.opt(4)?,
        })
    })
}

pub fn customers_of(promoter: Uuid) -> Result<Vec<Record>> {
    CUSTOMERS_OF.all(&[promoter.into()], |row| row.get(1))
}
