// What a person's roles allow on these pages; the server decides again at every request.

export function isAdministrator(user) {
  return (user?.roles ?? []).some((role) => role.name === 'root' || role.name === 'admin');
}
