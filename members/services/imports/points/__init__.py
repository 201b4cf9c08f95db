"""Files of points in: opening balances of another system, each row a credit with its own last usable day (domain.md 6).

`columns` names its columns, `checking` says what each row means, `posting` credits rows chunk by chunk, `preview`
foresees, `undo` takes an import back; `kind` hands all this to the door.

Rules:
- A row is a credit of kind "adjust", asked for by a points request of verb "import", whose key is the row's: its id in
  the other system where the file gives one, else its line in this very file. So the same row is credited once, in
  whichever file it comes again, and the same file changes nothing.
- Without a last usable day the points expire by the program's rule, counted from the day of the import.
- An import is taken back whole within 72 hours after its end. As when an adjustment is reversed, points are taken from
  their own lot first and then in spending order; what expired meanwhile is gone already. What was spent and cannot be
  taken is left and reported: an adjustment never makes a deficit.
- An undone row frees its key, so that the mended file can be handed in. The entries and requests of the import stay.
"""
