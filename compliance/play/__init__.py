"""`manage.py play`: a scripted history told to the real services. A door: it translates and prints, it has no rule."""
