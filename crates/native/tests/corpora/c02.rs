//! 02, ID tokens: whole lines, with the signatures verified by the file that the native shell verifies them by.

use std::thread;

use gatepass::testing::verify;
use libtest_mimic::{Failed, Trial};

use crate::frame::{Tally, document, lines, text};
use crate::id_tokens::{CONTEXT, Case, NAME};

/// As small as the stacks that tokens are read on; some nest 100,000 deep.
const STACK: usize = 2 * 1024 * 1024;

pub(crate) fn trial() -> Trial {
    Trial::test(NAME, || {
        let all =
            thread::Builder::new().stack_size(STACK).spawn(judge_all).map_err(|error| error.to_string())?;
        all.join().map_err(|_| "panicked")?
    })
}

fn judge_all() -> Result<(), Failed> {
    let Some(lines) = lines(NAME) else { return Ok(()) };
    let context = document(CONTEXT);
    let mut tally = Tally::default();
    for line in &lines {
        let judgement = Case::read(line, &context).and_then(|case| {
            let met = case.check().and_then(verify).and_then(|vouched| case.prove(&vouched));
            case.judge(&met)
        });
        tally.count(text(line, "id"), text(line, "norm"), judgement);
    }
    tally.finish(NAME)
}
