define([], () => ({ form: "__NBDT_FORM__", button: "__NBDT_BUTTON__" }));
