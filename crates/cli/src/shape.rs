//! The command line as a manifest shows it: its name, its commands, its flags.

use clap::{Command, ValueEnum};

use crate::manifest::App;

/// Gives a command line the manifest's name, and hides what the manifest does not show.
pub(crate) fn shaped(command: Command, app: &App) -> Command {
    let mut command = command;
    if !app.is_own() {
        let program = app.program().to_owned();
        command = command.name(program.clone()).bin_name(program);
    }
    // Documents call it by the program's own word: `seqera ai`. A word that means something else already is left alone.
    if let Some(host) = &app.commands.host
        && command.find_subcommand("tui").is_some()
        && command.find_subcommand(host).is_none()
    {
        command = command.mut_subcommand("tui", |tui| tui.visible_alias(host.clone()));
    }
    if let Some(about) = &app.about {
        command = command.about(about.clone()).long_about(None::<&str>);
    }
    if command.find_subcommand("login").is_some() {
        let flow = app.login.flow.to_possible_value().map(|value| value.get_name().to_owned());
        let via = app.login.via.to_possible_value().map(|value| value.get_name().to_owned());
        command = command.mut_subcommand("login", |login| {
            login
                .mut_arg("auth_flow", |arg| arg.default_value(flow.unwrap_or_default()))
                .mut_arg("via", |arg| arg.default_value(via.unwrap_or_default()))
        });
    }
    if let Some(shown) = &app.commands.flags {
        command = hide_flags(command, shown);
    }
    if let Some(shown) = &app.commands.show {
        let names: Vec<String> =
            command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        for name in names.into_iter().filter(|name| {
            let host = (name == "tui").then_some(app.commands.host.as_ref()).flatten();
            !shown.contains(name) && host.is_none_or(|host| !shown.contains(host))
        }) {
            command = command.mut_subcommand(name, |command| command.hide(true));
        }
    }
    command
}

fn hide_flags(command: Command, shown: &[String]) -> Command {
    let hidden = |arg: &clap::Arg| arg.get_long().is_some_and(|long| !shown.iter().any(|flag| flag == long));
    let command = command.mut_args(|arg| {
        let hide = hidden(&arg);
        if hide { arg.hide(true) } else { arg }
    });
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |command| hide_flags(command, shown)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn shows_what_the_manifest_shows() {
        let app = App::from_toml(
            "name = 'acme'\nprogram = 'acme-cli'\nabout = 'Acme, signed in'\n[commands]\nshow = ['login', 'logout']\nflags = ['auth-flow']",
        )
        .unwrap();
        let mut command = shaped(Args::command(), &app);
        let help = command.render_long_help().to_string();
        assert!(
            help.contains("acme-cli") && help.contains("login") && help.contains("Acme, signed in"),
            "{help}"
        );
        assert!(!help.contains("whoami") && !help.contains("--issuer"), "{help}");
        let login = command.find_subcommand_mut("login").unwrap().render_help().to_string();
        assert!(login.contains("--auth-flow") && !login.contains("--no-browser"), "{login}");
        // What is hidden still works.
        command.try_get_matches_from_mut(["acme-cli", "whoami", "--issuer", "https://a.example"]).unwrap();
    }
}
