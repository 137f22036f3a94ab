# Runs the interior-point solver ECOS on the cone-constrained program, without a modelling layer.
#
# usage: Rscript runEcos.R TASK.json ANSWER.json     (both as in runPeer.py; one point, weights {"v", "w"})
#
# Variables: the blocks v_1 .. v_P, w_1 .. w_P (d numbers each), their norms t, the misfit z (n numbers), and s >= |z|^2 / 2.
suppressMessages({
  library(Matrix)
  library(ECOSolveR)
  library(jsonlite)
})
files <- commandArgs(trailingOnly = TRUE)
task <- fromJSON(files[1])
X <- task$X
y <- task$y[, 1]
D <- (X %*% t(task$gates) >= 0) * 1
n <- nrow(X)
d <- ncol(X)
P <- ncol(D)
G <- 2 * P
begin <- sum(proc.time()[1:2])

blocks <- G * d
at_t <- blocks
at_z <- blocks + G
at_s <- blocks + G + n
vars <- at_s + 1
cost <- c(rep(0, blocks), rep(task$beta, G), rep(0, n), 1)

# misfit: sum_i D_i X (v_i - w_i) - z = y
fit <- do.call(cbind, lapply(seq_len(P), function(i) Matrix(D[, i] * X, sparse = TRUE)))
A <- cbind(fit, -fit, Matrix(0, n, G, sparse = TRUE), -Diagonal(n), Matrix(0, n, 1, sparse = TRUE))

# cones of the patterns: -(2 D_i - 1) X u <= 0, for v and for w
cones <- bdiag(lapply(seq_len(G), function(g) -(2 * D[, (g - 1) %% P + 1] - 1) * X))
linear <- cbind(cones, Matrix(0, n * G, vars - blocks, sparse = TRUE))
# norms: (t, u) in the second-order cone
i <- rep((seq_len(G) - 1) * (d + 1), each = d + 1) + rep(seq_len(d + 1), G)
j <- as.vector(sapply(seq_len(G), function(g) c(at_t + g, (g - 1) * d + seq_len(d))))
norms <- sparseMatrix(i = i, j = j, x = -1, dims = c(G * (d + 1), vars))
# |z|^2 <= 2 s: (s + 1/2, s - 1/2, z) in the second-order cone
square <- sparseMatrix(
  i = seq_len(n + 2), j = c(at_s + 1, at_s + 1, at_z + seq_len(n)), x = -1, dims = c(n + 2, vars)
)
answer <- ECOS_csolve(
  c = cost,
  G = rbind(linear, norms, square),
  h = c(rep(0, n * G + G * (d + 1)), 0.5, -0.5, rep(0, n)),
  dims = list(l = n * G, q = c(rep(d + 1L, G), n + 2L), e = 0L),
  A = A,
  b = y
)
cpu <- sum(proc.time()[1:2]) - begin
u <- matrix(answer$x[seq_len(blocks)], ncol = d, byrow = TRUE)
weights <- list(v = u[seq_len(P), , drop = FALSE], w = u[P + seq_len(P), , drop = FALSE])
status <- readLines("/proc/self/status")
peak <- as.numeric(gsub("[^0-9]", "", grep("^VmHWM", status, value = TRUE))) * 1024
point <- list(cpu = cpu, label = answer$infostring, weights = weights)
write_json(list(peakBytes = peak, points = list(point)), files[2], auto_unbox = TRUE, digits = 17)
