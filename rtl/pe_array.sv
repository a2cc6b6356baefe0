// pe_array: Rows x Columns int8 multipliers in three modes, int32 sums.
//   dot:        sum[c] = sum_r x[r] * w[r][c]          weights stay, x is broadcast along the rows
//   depthwise:  sum[c] = sum_r chain[r][c] * w[r][c]   chain: the last Rows channel vectors, the newest in row Rows-1
//   outer:      pe[r][c] += x[r] * g[c]                drained from row 0 on, one row per cycle
// Golden: accel_models.golden.matrix.matrix_tile. One operand vector per cycle; the sum of the vector (or drain) of
// cycle t stands at sum_o in cycle t+3: operand register, product, column sum. Combinational path: none.
// The shadow weights load one vector per cycle, a row or (load_column_i) a column; the first vector of a tile clears the
// others, so that rows and columns which a tile does not have count nothing. swap_i with the first operand vector.
// A PE has one 32-bit register: its sum in outer mode, in depthwise mode its place in the chain.
`default_nettype none
module pe_array #(
  parameter  int unsigned Rows    = 4,
  parameter  int unsigned Columns = 4,
  localparam int unsigned Lanes   = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned IndexW  = $clog2(Lanes)
) (
  input  wire logic                     clk_i,
  input  wire logic               [1:0] mode_i,         // matrix_pkg::mode_e, constant while anything is in flight
  input  wire logic                     load_i,         // one vector into the shadow weights
  input  wire logic                     load_first_i,
  input  wire logic                     load_column_i,
  input  wire logic        [IndexW-1:0] load_index_i,
  input  wire logic    [Lanes-1:0][7:0] load_data_i,    // outer: the g of this slot
  input  wire logic                     swap_i,         // shadow weights become the weights
  input  wire logic                     slot_i,         // one operand vector
  input  wire logic                     slot_first_i,   // outer: the sums start here
  input  wire logic    [Lanes-1:0][7:0] x_i,
  input  wire logic                     drain_i,        // outer: row 0 to sum_o, the others move up; not with slot_i
  output      logic [Columns-1:0][31:0] sum_o
);
  localparam int unsigned SumW = 16 + $clog2(Rows);  // Rows products of 16 bits

  logic depthwise, outer;
  assign depthwise = mode_i == matrix_pkg::ModeDepthwise;
  assign outer     = mode_i == matrix_pkg::ModeOuter;

  // Weights, double buffered.
  logic [Rows-1:0][Columns-1:0][7:0] shadow_q, weights_q;
  always_ff @(posedge clk_i) begin
    if (swap_i) weights_q <= shadow_q;
    if (load_i) begin
      for (int unsigned r = 0; r < Rows; r++) begin
        for (int unsigned c = 0; c < Columns; c++) begin
          if (!load_column_i && load_index_i == IndexW'(r)) shadow_q[r][c] <= load_data_i[c];
          else if (load_column_i && load_index_i == IndexW'(c)) shadow_q[r][c] <= load_data_i[r];
          else if (load_first_i) shadow_q[r][c] <= '0;
        end
      end
    end
  end

  // Operand registers; what a slot or drain does one and two cycles later.
  logic    [Rows-1:0][7:0] x_q;
  logic [Columns-1:0][7:0] g_q;
  logic [1:0] sum_slot_q, sum_first_q, drain_q;  // [0] operand stage, [1] product stage
  always_ff @(posedge clk_i) begin
    sum_slot_q  <= {sum_slot_q[0], slot_i && outer};
    sum_first_q <= {sum_first_q[0], slot_first_i};
    drain_q     <= {drain_q[0], drain_i};
    if (slot_i) begin
      for (int unsigned r = 0; r < Rows; r++) x_q[r] <= x_i[r];
      for (int unsigned c = 0; c < Columns; c++) g_q[c] <= load_data_i[c];
    end
  end

  // Products.
  logic [Rows-1:0][Columns-1:0][31:0] pe_q;
  logic [Rows-1:0][Columns-1:0][15:0] product_q;
  always_ff @(posedge clk_i) begin
    for (int unsigned r = 0; r < Rows; r++) begin
      for (int unsigned c = 0; c < Columns; c++) begin
        product_q[r][c] <= 16'($signed(depthwise ? pe_q[r][c][7:0] : x_q[r])) *
                           16'($signed(outer ? g_q[c] : weights_q[r][c]));
      end
    end
  end

  // The PEs' own registers: chain, sums, and the way out of the sums.
  always_ff @(posedge clk_i) begin
    for (int unsigned r = 0; r < Rows; r++) begin
      for (int unsigned c = 0; c < Columns; c++) begin
        if (depthwise && slot_i) pe_q[r][c] <= (r == Rows - 1) ? 32'(x_i[c]) : pe_q[(r + 1) % Rows][c];
        else if (sum_slot_q[1]) pe_q[r][c] <= (sum_first_q[1] ? 32'd0 : pe_q[r][c]) + 32'($signed(product_q[r][c]));
        else if (drain_q[1]) pe_q[r][c] <= pe_q[(r + 1) % Rows][c];
      end
    end
  end

  // Column sums.
  logic [Columns-1:0][SumW-1:0] total;
  always_comb begin
    total = '0;
    for (int unsigned r = 0; r < Rows; r++) begin
      for (int unsigned c = 0; c < Columns; c++) total[c] = total[c] + SumW'($signed(product_q[r][c]));
    end
  end
  always_ff @(posedge clk_i) begin
    for (int unsigned c = 0; c < Columns; c++) sum_o[c] <= drain_q[1] ? pe_q[0][c] : 32'($signed(total[c]));
  end
endmodule
`default_nettype wire
