"""Files of members in: people of another system with their tier, its validity and the consent they gave (domain.md 1).

`columns` names its columns, `checking` says what each row means, `books` compares rows with the members that are here,
`posting` makes and fills in members chunk by chunk, `preview` foresees, `undo` takes an import back; `kind` hands all
this to the door.

Rules:
- A list is evidence of joining: the merchant declares where the consent of its people comes from; a row may name its
  own source. Without `joined_at` a person joined when the import began. What joining brings to new members is not
  given: who stands in a list joined before, elsewhere.
- A member that is here is filled in where something is missing (phone, name, birthday, source of the consent, a tier
  where the member holds the lowest) and never overwritten. What the file says otherwise is said in a remark on the row;
  no remark holds what is stored.
- A tier is given as if by hand of the staff: valid until the day of the row, else for the program's usual validity;
  never less than the member holds already.
- A phone that cannot be read is left out with a remark; lists of channels are full of masked ones. It proves nothing
  about who somebody is, so it never makes one member of two.
- Taking an import back makes those whom it made nobody again: what names them is erased, their ids are free for another
  import. Who has orders, points or anything of their own since is kept, and named. What was filled in stays.
"""
