"""What is kept on disk: checked bars, frozen sessions, snapshots; and how it is read again."""
