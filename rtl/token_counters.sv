// token_counters: one counter of tokens for every pair of engines, source and target.
//   count[s][t] += give_i[s] && signal_i[s][t]  -  take_i[t] && wait_i[t][s]
// Golden: the token counters of accel_models.timing. A token given in one cycle can be taken in the next.
// Combinational paths: wait_i -> available_o, give_i and take_i -> overflow_o.
`default_nettype none
module token_counters #(
  parameter  int unsigned Depth   = 63,                   // largest count
  localparam int unsigned Engines = accel_pkg::Engines,
  localparam int unsigned CountW  = $clog2(Depth + 1)
) (
  input  wire logic                            clk_i,
  input  wire logic                            rst_ni,
  input  wire logic                            flush_i,      // all counters to zero
  input  wire logic [Engines-1:0][Engines-1:0] wait_i,       // [target][source]: a token that the target wants
  output      logic              [Engines-1:0] available_o,  // every token that wait_i names is there
  input  wire logic              [Engines-1:0] take_i,       // only where available_o is set
  input  wire logic              [Engines-1:0] give_i,
  input  wire logic [Engines-1:0][Engines-1:0] signal_i,     // [source][target]
  output      logic                            overflow_o    // a token was lost: its counter is at Depth
);
  logic [Engines-1:0][Engines-1:0][CountW-1:0] count_q;  // [source][target]
  logic [Engines-1:0][Engines-1:0] empty, full, up, down;

  always_comb begin
    for (int unsigned s = 0; s < Engines; s++) begin
      for (int unsigned t = 0; t < Engines; t++) begin
        empty[t][s] = count_q[s][t] == '0;
        full[s][t]  = count_q[s][t] == CountW'(Depth);
        up[s][t]    = give_i[s] && signal_i[s][t];
        down[s][t]  = take_i[t] && wait_i[t][s];
      end
    end
    for (int unsigned t = 0; t < Engines; t++) available_o[t] = (wait_i[t] & empty[t]) == '0;
  end
  assign overflow_o = (up & full & ~down) != '0;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else if (flush_i) begin
      count_q <= '0;
    end else begin
      for (int unsigned s = 0; s < Engines; s++) begin
        for (int unsigned t = 0; t < Engines; t++) begin
          if (up[s][t] && !down[s][t] && !full[s][t]) count_q[s][t] <= count_q[s][t] + 1'b1;
          if (down[s][t] && !up[s][t]) count_q[s][t] <= count_q[s][t] - 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    a_take_what_is_there : assert ((take_i & ~available_o) == '0);
  end
endmodule
`default_nettype wire
