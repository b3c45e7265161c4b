"""The page that people see: a folder for each tab, with its layout, handlers and markup."""
