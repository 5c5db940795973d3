//! 02, ID tokens: the algorithm, the key and the claims. Signatures are the shells' part.
//!
//! Every signature counts as good here. A line that core lets through although the corpus refuses it has its fault in
//! the signature, and is counted by `crates/native` and `crates/web`; unless its class says that the signature is good.

use std::thread;

use libtest_mimic::Trial;

use crate::frame::{Tally, document, lines, text};
use crate::id_tokens::{CONTEXT, Case, NAME};

/// The beginnings of classes whose tokens are signed well: what is wrong with them, core has to see.
const SIGNED_WELL: [&str; 7] = ["claim-", "duplicate-", "crit", "b64", "typ-", "cty", "key-injection"];

/// As small as the stacks that shells run on; some tokens nest 100,000 deep.
const STACK: usize = 2 * 1024 * 1024;

pub(crate) fn trial() -> Trial {
    Trial::test(NAME, || {
        let all =
            thread::Builder::new().stack_size(STACK).spawn(judge_all).map_err(|error| error.to_string())?;
        all.join().map_err(|_| "panicked")?
    })
}

fn judge_all() -> Result<(), libtest_mimic::Failed> {
    let Some(lines) = lines(NAME) else { return Ok(()) };
    let context = document(CONTEXT);
    let mut tally = Tally::default();
    let mut left = 0;
    for line in &lines {
        let judgement = Case::read(line, &context).map(|case| {
            let met =
                case.check().and_then(|check| check.vouch(true)).and_then(|vouched| case.prove(&vouched));
            let well = SIGNED_WELL.iter().any(|class| text(line, "cls").starts_with(class));
            let others = met.is_ok() && text(line, "must") == "reject" && !well;
            (!others).then(|| case.judge(&met))
        });
        match judgement.transpose() {
            None => left += 1,
            Some(judgement) => {
                tally.count(text(line, "id"), text(line, "norm"), judgement.and_then(|inner| inner))
            }
        }
    }
    tally.finish(&format!("{NAME} (claims; {left} lines are left to the signature)"))
}
