"""Settings: YAML layers become one frozen, typed tree."""

from pse.settings.complaints import BadSetting, Complaint
from pse.settings.load import load_settings, settings_with_complaints
from pse.settings.tree import FROM, Account, Desk, Plugins, Read, Settings, naming, settings_hash

__all__ = ["FROM", "Account", "BadSetting", "Complaint", "Desk", "Plugins", "Read", "Settings", "load_settings", "naming", "settings_hash",
           "settings_with_complaints"]
