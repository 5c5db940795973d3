//! Sessions and pending logins in IndexedDB. Every change is one strict transaction that compares before it writes,
//! so it is right even between tabs that hold no lock.
//!
//! | store | key | row |
//! |---|---|---|
//! | `sessions` | issuer, client and name | `{generation, access, rest, key}` |
//! | `pending` | digest of the state | `{pending, begunAt, key}` |
//!
//! `key` is a `CryptoKey` that cannot be extracted, or absent: key and tokens live and die in one row.

use alloc::rc::Rc;
use core::cell::RefCell;
use core::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::Secret;
use gatepass_core::session::login::Pending;
use gatepass_core::session::record::{Generation, Part, Record};
use gatepass_core::time::Timestamp;
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbRequest, IdbTransaction};

use crate::js::{global, object, property, texts};

const SESSIONS: &str = "sessions";
const PENDING: &str = "pending";

/// A login that nobody came back to for an hour is forgotten.
const PATIENCE: Duration = Duration::from_secs(3600);

#[wasm_bindgen]
extern "C" {
    // web-sys keeps the third argument, which holds `durability`, behind a flag of the whole build.
    #[wasm_bindgen(extends = IdbDatabase)]
    type Database;

    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &Database,
        store: &str,
        mode: &str,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Done,
    /// Somebody else changed the row first; nothing was done.
    Moved,
}

/// A database of this origin.
#[derive(Clone, Debug)]
pub struct Store {
    name: Rc<str>,
    connection: Rc<RefCell<Option<IdbDatabase>>>,
}

impl Store {
    /// The database of this name; it is opened when it is first needed.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), connection: Rc::default() }
    }

    /// What the database is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same database by a connection of its own, as another tab has it.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self::new(&self.name)
    }

    /// Reads a session, and the key that lies beside it. Both parts come from one row, so they are of one state.
    pub async fn load(
        &self,
        session: &str,
        part: Part,
    ) -> Result<Option<(Record, Option<CryptoKey>)>, Error> {
        let row = self.run(SESSIONS, session, &Job::Read).await?;
        if row.is_undefined() {
            return Ok(None);
        }
        let access = text(&row, "access")?;
        let rest = if part == Part::Whole { Some(text(&row, "rest")?) } else { None };
        let rest = rest.as_ref().map(|rest| rest.expose().as_bytes());
        let record = Record::decode(access.expose().as_bytes(), rest)?;
        if !is_at(&row, Some(record.generation)) {
            return Err(Error::StoreCorrupt);
        }
        Ok(Some((record, key_of(&row))))
    }

    /// Stores a session with its key, if what is stored is still at `expect`.
    pub async fn save(
        &self,
        session: &str,
        record: &Record,
        key: Option<&CryptoKey>,
        expect: Option<Generation>,
    ) -> Result<Outcome, Error> {
        let encoded = record.encode()?;
        let row = object(&[
            ("generation", &number(record.generation)),
            ("access", &JsValue::from_str(encoded.access.expose())),
            ("rest", &JsValue::from_str(encoded.rest.expose())),
            ("key", key.map_or(&JsValue::UNDEFINED, AsRef::as_ref)),
        ]);
        self.change(session, expect, row.into()).await
    }

    /// Removes a session, if what is stored is still at `expect`.
    pub async fn erase(&self, session: &str, expect: Generation) -> Result<Outcome, Error> {
        self.change(session, Some(expect), JsValue::UNDEFINED).await
    }

    async fn change(
        &self,
        session: &str,
        expect: Option<Generation>,
        row: JsValue,
    ) -> Result<Outcome, Error> {
        let done = self.run(SESSIONS, session, &Job::Change { expect, row }).await?;
        Ok(if done.is_truthy() { Outcome::Done } else { Outcome::Moved })
    }

    /// Keeps a login that waits for its redirect, and forgets those that nobody came back to.
    pub async fn put_pending(
        &self,
        digest: &str,
        pending: &Pending,
        key: Option<&CryptoKey>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let encoded = pending.encode();
        let row = object(&[
            ("pending", &JsValue::from_str(encoded.expose())),
            ("begunAt", &JsValue::from_f64(pending.begun_at().seconds() as f64)),
            ("key", key.map_or(&JsValue::UNDEFINED, AsRef::as_ref)),
        ]);
        let job = Job::Put { row: row.into(), since: now.minus(PATIENCE).seconds() as f64 };
        self.run(PENDING, digest, &job).await.map(drop)
    }

    /// Gives a pending login back, once: it is deleted by the same transaction that reads it.
    pub async fn take_pending(&self, digest: &str) -> Result<Option<(Pending, Option<CryptoKey>)>, Error> {
        let row = self.run(PENDING, digest, &Job::Take).await?;
        if row.is_undefined() {
            return Ok(None);
        }
        let pending = text(&row, "pending")?;
        Ok(Some((Pending::decode(pending.expose().as_bytes())?, key_of(&row))))
    }

    /// Does a job, and once more on a new connection if it fails: browsers drop connections at will (memory pressure,
    /// another tab's upgrade, a cleared site). A change that was done although its connection was lost compares
    /// unequal the second time, which is an answer that the core knows.
    async fn run(&self, store: &str, key: &str, job: &Job) -> Result<JsValue, Error> {
        let key = JsValue::from_str(key);
        for _ in 0..2 {
            if let Ok(answer) = self.attempt(store, &key, job).await {
                return Ok(answer);
            }
            self.connection.take();
        }
        Err(Error::StoreUnavailable)
    }

    /// One job, one transaction. Those that write to one store run one after another, in all tabs together.
    async fn attempt(&self, store: &str, key: &JsValue, job: &Job) -> Result<JsValue, JsValue> {
        let mode = if matches!(job, Job::Read) { "readonly" } else { "readwrite" };
        let database: Database = self.connect().await?.unchecked_into();
        // What is said to be saved has reached the disk: an old refresh token may be worth nothing by then.
        let transaction = database.transaction(store, mode, &texts(&[("durability", "strict")]))?;
        let rows = transaction.object_store(store)?;
        let found = answered(&rows.get(key)?).await?;
        match job {
            Job::Read => return Ok(found),
            Job::Take => {
                rows.delete(key)?;
            }
            Job::Change { expect, row } => {
                if !is_at(&found, *expect) {
                    return Ok(JsValue::FALSE);
                }
                if row.is_undefined() {
                    rows.delete(key)?
                } else {
                    rows.put_with_key(row, key)?
                };
            }
            Job::Put { row, since } => {
                let keys: Array = answered(&rows.get_all_keys()?).await?.unchecked_into();
                for old in keys {
                    let begun_at = property(&answered(&rows.get(&old)?).await?, "begunAt").as_f64();
                    if begun_at.is_none_or(|begun_at| begun_at < *since) {
                        rows.delete(&old)?;
                    }
                }
                rows.put_with_key(row, key)?;
            }
        }
        // Durable first, then said to be done. Nothing is awaited between the last request and this.
        JsFuture::from(Promise::new(&mut |resolve, reject| {
            transaction.set_oncomplete(Some(&resolve));
            transaction.set_onabort(Some(&reject));
        }))
        .await?;
        Ok(if matches!(job, Job::Take) { found } else { JsValue::TRUE })
    }

    async fn connect(&self) -> Result<IdbDatabase, JsValue> {
        let known = self.connection.borrow().clone();
        if let Some(database) = known {
            return Ok(database);
        }
        let database = open(&self.name).await?;
        self.connection.replace(Some(database.clone()));
        Ok(database)
    }
}

/// What one transaction does with one row. An enum rather than closures: one copy of the asynchronous code.
#[derive(Debug)]
enum Job {
    /// Gives the row.
    Read,
    /// Gives the row and deletes it.
    Take,
    /// Compares and swaps; no row means delete. Gives whether it did.
    Change { expect: Option<Generation>, row: JsValue },
    /// Puts the row and deletes all that were begun before `since`.
    Put { row: JsValue, since: f64 },
}

async fn open(name: &str) -> Result<IdbDatabase, JsValue> {
    let factory = global("indexedDB");
    if !factory.is_object() {
        return Err(JsValue::UNDEFINED);
    }
    let request: IdbOpenDbRequest = factory.unchecked_into::<IdbFactory>().open_with_u32(name, 1)?;
    let opening = request.clone();
    let upgrade = Closure::once(move || {
        if let Ok(database) = opening.result() {
            let database: IdbDatabase = database.unchecked_into();
            let _ = database.create_object_store(SESSIONS);
            let _ = database.create_object_store(PENDING);
        }
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    let database: IdbDatabase = answered(&request).await?.unchecked_into();
    // Whoever wants to upgrade or delete the database must not wait for this page.
    let closing = database.clone();
    let close = Closure::once_into_js(move || closing.close());
    database.set_onversionchange(Some(close.unchecked_ref()));
    Ok(database)
}

/// Waits for one request.
async fn answered(request: &IdbRequest) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    }))
    .await?;
    request.result()
}

/// Whether a row is at this generation; no row is at none.
fn is_at(row: &JsValue, generation: Option<Generation>) -> bool {
    property(row, "generation").as_f64() == generation.map(|generation| generation.number() as f64)
}

fn key_of(row: &JsValue) -> Option<CryptoKey> {
    property(row, "key").dyn_into().ok()
}

fn number(generation: Generation) -> JsValue {
    JsValue::from_f64(generation.number() as f64)
}

fn text(row: &JsValue, name: &str) -> Result<Secret, Error> {
    property(row, name).as_string().map(Secret::new).ok_or(Error::StoreCorrupt)
}
