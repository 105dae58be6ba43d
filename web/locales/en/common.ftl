### Frame of every page.

title-page = { $page } – { $site }
# The title of a page with a problem starts with this word, so that a screen reader says it first.
title-problem = Error: { $page } – { $site }
skip-link = Skip to content
dev-banner = Development only: not for real accounts
language-label = Language
help-link = Help and support
help-text = Trouble signing in? Ask the administrator of { $site }.
# A moment in UTC, shown until the script puts it into the local time zone.
moment = { $year }-{ $month }-{ $day } { $time } UTC
