INSERT INTO `@users` (`nickname`, `username`, `email`, `password`, `systemSettings`, `sort`, `createdAt`, `updatedAt`)
  VALUES ('Super Admin', 'nocobase', 'admin@example.com', 'hash', '{}', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
INSERT INTO `@roles` (`name`, `title`, `strategy`, `default`, `hidden`, `allowConfigure`, `allowNewMenu`, `snippets`, `sort`, `createdAt`, `updatedAt`)
  VALUES
    ('root', 'Root', '{"actions":["create"]}', FALSE, TRUE, TRUE, TRUE, '["pm.*"]', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
    ('admin', 'Admin', '{"actions":["create"]}', FALSE, FALSE, TRUE, TRUE, '["pm.*"]', 2, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
    ('member', 'Member', '{"actions":["view"]}', TRUE, FALSE, NULL, TRUE, '["!pm.*"]', 3, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
INSERT INTO `@rolesUsers` (`roleName`, `userId`, `default`, `createdAt`, `updatedAt`)
  VALUES
    ('root', 1, TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
    ('admin', 1, NULL, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
    ('member', 1, NULL, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
INSERT INTO `@authenticators` (`name`, `authType`, `description`, `options`, `enabled`, `sort`, `createdAt`, `updatedAt`)
  VALUES ('basic', 'Email/Password', '', '{"public":{"allowSignUp":true}}', TRUE, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
INSERT INTO `@tokenControlConfig` (`key`, `config`, `createdAt`, `updatedAt`)
  VALUES ('token-policy-config', '{"tokenExpirationTime":"1d","sessionExpirationTime":"7d","expiredTokenRenewLimit":"1d"}', '2026-01-01 00:00:00', '2026-01-01 00:00:00');
INSERT INTO `@systemSettings` (`id`, `title`, `enabledLanguages`, `appLang`, `options`, `createdAt`, `updatedAt`)
  VALUES (1, 'NocoBase', '["en-US"]', 'en-US', '{}', '2026-01-01 00:00:00', '2026-01-01 00:00:00')
