"""Files of orders in (interface.md, Order import columns): read, checked, staged, posted chunk by chunk.

`columns` names its columns, `checking` groups rows into orders and finds what cannot be taken, `staging` writes them by
binary COPY, `posting` posts them from there while `ahead` reads the next, `preview` foresees, `memory` gives a replay
the orders without staging; `kind` hands all this to the door.

Rules:
- The rows of one order number on one channel are the lines of one order. If one of them cannot be read, or they
  contradict each other, the whole order is left out: half an order would be a wrong order. The rest goes on.
- All orders of a file arrive at the instant its run began, in the order in which they were paid (unpaid ones: were
  placed), of equal instants in the order of the file; so points and tiers come out as if they had been sent that way.
- Buying is not joining: buyers stay customers unless the merchant declares the file's people as members and says
  where their consent comes from, or a row carries `joined_at` and `consent_source`. Who joins by declaration joined
  at the first order of theirs in the file.
"""
