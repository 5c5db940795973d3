//! What the browser shows at the end. One template without script and without a request to anybody: what is said is
//! fixed here, what a caller brings is its name and a colour, and nothing of a request stands in it.

use hyper::body::Bytes;

/// What the browser shows at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Signed in.
    Success,
    /// The terminal asks something before it keeps the session.
    Question,
    /// The login failed; the terminal says why.
    Failure,
    /// The person has said no. A page of ours says it like any other failure; a dashboard's says it in its own words.
    Denied,
    /// None: the browser goes on to another address.
    Onward,
    /// The request belongs to no login that waits here.
    Stranger,
}

/// Whose pages they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageWords {
    /// The program's name, in any characters.
    pub program: String,
    /// The colour of the bar on top.
    pub accent: Accent,
}

impl Default for PageWords {
    fn default() -> Self {
        Self { program: String::from("Gatepass"), accent: Accent { red: 0x3a, green: 0x6e, blue: 0xa5 } }
    }
}

/// A colour; numbers, so that nothing else can come into a style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
}

impl Accent {
    /// Reads `#3a6ea5`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let pair = |at: usize| {
            let pair =
                digits.get(at..at + 2).filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u8::from_str_radix(pair, 16).ok()
        };
        Some(Self { red: pair(0)?, green: pair(2)?, blue: pair(4)? })
    }
}

/// The pages of one listener.
#[derive(Debug)]
pub(crate) struct Pages([Bytes; 4]);

impl Pages {
    /// Fills them in once.
    pub(crate) fn new(words: &PageWords) -> Self {
        let pages = [Page::Success, Page::Question, Page::Failure, Page::Stranger];
        Self(pages.map(|page| Bytes::from(fill(page, words))))
    }

    /// The text of one.
    pub(crate) fn text(&self, page: Page) -> Bytes {
        let [success, question, failure, stranger] = &self.0;
        match page {
            Page::Success => success.clone(),
            Page::Question => question.clone(),
            Page::Failure | Page::Denied => failure.clone(),
            Page::Stranger | Page::Onward => stranger.clone(),
        }
    }
}

fn fill(page: Page, words: &PageWords) -> String {
    let (heading, text) = match page {
        Page::Success => ("You are signed in", "You can close this window and go back to the terminal."),
        Page::Question => (
            "One question is left",
            "The terminal asks it, before it keeps this sign-in. You can close this window.",
        ),
        Page::Failure | Page::Denied => (
            "The sign-in did not work",
            "The terminal says why, and what to do next. You can close this window.",
        ),
        Page::Stranger | Page::Onward => (
            "Nothing waits for this",
            "This address takes the answer of a sign-in that was started in a terminal. If one is waiting, it still \
             is: open the address that the terminal shows.",
        ),
    };
    let Accent { red, green, blue } = words.accent;
    include_str!("pages/page.html")
        .replace("{accent}", &format!("#{red:02x}{green:02x}{blue:02x}"))
        .replace("{heading}", heading)
        .replace("{text}", text)
        // Last, so that a name with a brace in it stays a name.
        .replace("{program}", &escaped(&words.program))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        let program = String::from("<script>alert('{text}')</script> & \"co\"");
        let pages = Pages::new(&PageWords { program, ..PageWords::default() });
        for page in [Page::Success, Page::Question, Page::Failure, Page::Stranger] {
            let text = String::from_utf8(pages.text(page).to_vec()).unwrap();
            let name = "&lt;script&gt;alert(&#39;{text}&#39;)&lt;/script&gt; &amp; &quot;co&quot;";
            assert!(text.contains(name) && !text.contains("<script"), "{text}");
            assert!(!text.contains("{heading}") && !text.contains("{accent}"), "{text}");
            // Nothing is loaded from anywhere.
            assert!(!text.contains("src=") && !text.contains("href=") && !text.contains("url("), "{text}");
        }
    }

    #[test]
    fn colours_are_numbers() {
        assert_eq!(Accent::parse("#3a6EA5"), Some(PageWords::default().accent));
        for bad in ["", "#fff", "3a6ea5", "#3a6ea", "#3a6ea55", "#+1+2+3", "red;}", "#€€"] {
            assert_eq!(Accent::parse(bad), None, "{bad}");
        }
    }
}
