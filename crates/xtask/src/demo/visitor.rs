//! Who visits the pages: a browser, or something that knows as much of one as these pages need.

use std::collections::BTreeMap;

use crate::demo::http::{self, Address, Answer};
use crate::demo::story;
use crate::failure::Failure;

/// Opens pages and fills in their forms.
pub(crate) trait Visitor {
    /// Opens an address.
    fn open(&mut self, address: &str) -> Result<(), Failure>;

    /// Fills in the form of this id, once it is there, and presses the button of that id.
    fn submit(&mut self, form: &str, button: &str, values: &[(&str, &str)]) -> Result<(), Failure>;

    /// Waits until the page says this.
    fn see(&mut self, words: &str) -> Result<(), Failure>;
}

/// A visitor without a browser: cookies, redirects, forms.
#[derive(Debug, Default)]
pub(crate) struct Walker {
    /// By host, then by name.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    page: Option<(Address, String)>,
}

impl Visitor for Walker {
    fn open(&mut self, address: &str) -> Result<(), Failure> {
        self.follow(Address::parse(address)?, None)
    }

    fn submit(&mut self, form: &str, button: &str, values: &[(&str, &str)]) -> Result<(), Failure> {
        let (address, html) = self.page()?;
        let found = Form::find(html, form).ok_or_else(|| unexpected(&format!("the form `{form}`"), html))?;
        let mut fields = found.fields(button);
        fields.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let fields: Vec<(String, String)> = fields.into_iter().collect();
        let target = address.join(&found.action())?;
        self.follow(target, Some(&fields))
    }

    fn see(&mut self, words: &str) -> Result<(), Failure> {
        let (_, html) = self.page()?;
        if html.contains(words) { Ok(()) } else { Err(unexpected(&format!("\"{words}\""), html)) }
    }
}

impl Walker {
    fn page(&self) -> Result<(&Address, &str), Failure> {
        self.page
            .as_ref()
            .map(|(address, html)| (address, html.as_str()))
            .ok_or_else(|| Failure::new("no page is open"))
    }

    /// Goes where the answers lead.
    fn follow(&mut self, mut address: Address, mut form: Option<&[(String, String)]>) -> Result<(), Failure> {
        for _ in 0..20 {
            let answer = http::ask(&address, form, &self.cookie(&address))?;
            self.keep(&address, &answer);
            let location = answer.headers("location").next();
            match location.filter(|_| (300..400).contains(&answer.status)) {
                Some(location) => address = address.join(location)?,
                None => {
                    self.page = Some((address, answer.body));
                    return Ok(());
                }
            }
            form = None;
        }
        Err(Failure::new("redirected in circles"))
    }

    fn cookie(&self, address: &Address) -> String {
        let jar = self.cookies.get(&address.host).into_iter().flatten();
        jar.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, address: &Address, answer: &Answer) {
        let jar = self.cookies.entry(address.host.clone()).or_default();
        for line in answer.headers("set-cookie") {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            if parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn unexpected(what: &str, html: &str) -> Failure {
    let title = between(html, "<title>", "</title>").unwrap_or("no title");
    let problem = between(html, "id=\"problem\" role=\"alert\">", "<").unwrap_or_default();
    Failure::new(format!("{what} is not on the page \"{title}\"{}", story::last_lines(problem)))
}

/// A form of our own pages: written by templates, so no whole parser is needed.
#[derive(Debug)]
struct Form<'a> {
    source: &'a str,
}

impl<'a> Form<'a> {
    fn find(html: &'a str, id: &str) -> Option<Self> {
        let start = html.find(&format!("<form id=\"{id}\""))?;
        html[start..].split("</form>").next().map(|source| Self { source })
    }

    fn action(&self) -> String {
        attribute(self.source, "action").unwrap_or_default()
    }

    /// What the page has filled in by itself, with the button that is pressed.
    fn fields(&self, button: &str) -> BTreeMap<String, String> {
        let inputs = tags(self.source, "<input ");
        let pressed = tags(self.source, "<button ")
            .filter(move |tag| attribute(tag, "id").is_some_and(|id| id == button));
        inputs
            .chain(pressed)
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
            .collect()
    }
}

fn tags<'a>(source: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    source.match_indices(start).filter_map(|(at, _)| source[at..].split('>').next())
}

/// The value of an attribute of the first tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let value = between(tag, &format!(" {name}=\""), "\"")?;
    let mut value = value.to_owned();
    for (escaped, plain) in [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&#47;", "/"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        value = value.replace(escaped, plain);
    }
    Some(value)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split(end).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<title>Allow access</title><form id="other" action="/no"></form>
        <form id="consent" method="post" action="/consent?a=1&#38;b=2">
        <input type="hidden" name="csrf" value="a&quot;b"><input id="email" name="email" type="email">
        <button id="deny" name="decision" value="deny">Deny</button>
        <button id="allow" type="submit" name="decision" value="allow">Allow</button></form>"#;

    #[test]
    fn reads_forms() {
        let form = Form::find(PAGE, "consent").unwrap();
        assert_eq!(form.action(), "/consent?a=1&b=2");
        let fields: Vec<(String, String)> = form.fields("allow").into_iter().collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(fields, [("csrf", "a\"b"), ("decision", "allow"), ("email", "")]);
        assert!(Form::find(PAGE, "sign-in").is_none());
    }

    #[test]
    fn keeps_cookies_by_host() {
        let mut walker = Walker::default();
        let here = Address::parse("http://127.0.0.1:1/").unwrap();
        let answer = |text: &str| Answer::of(200, &[("set-cookie", text)], "");
        walker.keep(&here, &answer("a=1; Path=/; HttpOnly"));
        walker.keep(&here, &answer("b=2"));
        assert_eq!(walker.cookie(&here), "a=1; b=2");
        assert_eq!(walker.cookie(&Address::parse("http://127.0.0.1:2/").unwrap()), "");
        walker.keep(&here, &answer("a=; Max-Age=0"));
        assert_eq!(walker.cookie(&here), "b=2");
    }

    #[test]
    fn says_what_is_there_instead() {
        let mut walker = Walker::default();
        assert!(walker.see("x").is_err());
        walker.page = Some((Address::parse("http://127.0.0.1:1/").unwrap(), PAGE.to_owned()));
        assert!(walker.see("Allow").is_ok());
        let failure = walker.submit("sign-in", "continue", &[]).unwrap_err();
        assert_eq!(failure.message(), "the form `sign-in` is not on the page \"Allow access\"");
    }
}
