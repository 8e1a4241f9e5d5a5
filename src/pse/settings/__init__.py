"""Settings: YAML layers become one frozen, typed tree."""

from pse.settings.complaints import BadSetting, Complaint
from pse.settings.desks import FROM, Account, Desk, Plugins, Read
from pse.settings.load import load_settings, settings_with_complaints
from pse.settings.search import SearchPolicy, search_policy
from pse.settings.tree import Settings, naming, settings_hash

__all__ = ["FROM", "Account", "BadSetting", "Complaint", "Desk", "Plugins", "Read", "SearchPolicy", "Settings", "load_settings", "naming", "search_policy",
           "settings_hash", "settings_with_complaints"]
