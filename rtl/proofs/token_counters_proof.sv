// token_counters_proof: the count of every pair is what was given less what was taken, from 0 to Depth; a lost token is told.
//   source_i and target_i are free: they choose the pair that is followed, and hold still
// Golden: the token counters of accel_models.timing. Combinational path: none of interest.
`default_nettype none
module token_counters_proof #(
  parameter  int unsigned Depth   = 3,
  localparam int unsigned Engines = accel_pkg::Engines,
  localparam int unsigned CountW  = $clog2(Depth + 1),
  localparam int unsigned EngineW = $clog2(Engines)
) (
  input  wire logic                            clk_i,
  input  wire logic                            rst_ni,
  input  wire logic              [EngineW-1:0] source_i,
  input  wire logic              [EngineW-1:0] target_i,
  input  wire logic                            flush_i,
  input  wire logic [Engines-1:0][Engines-1:0] wait_i,
  input  wire logic              [Engines-1:0] take_i,
  input  wire logic              [Engines-1:0] give_i,
  input  wire logic [Engines-1:0][Engines-1:0] signal_i,
  output      logic                            reach_full_o,      // Depth tokens of the pair wait
  output      logic                            reach_overflow_o,
  output      logic                            reach_drained_o,   // all are taken after it was full
  output      logic                            reach_both_o       // given and taken in one cycle, at Depth
);
  logic [Engines-1:0] available_o;
  logic overflow_o, up, down, lost, begun_q, lost_q, full_q;
  logic [Engines-1:0][Engines-1:0][CountW-1:0] counts;
  logic  [CountW-1:0] count;
  logic         [7:0] given_q, taken_q;
  logic [EngineW-1:0] source_q, target_q;

  token_counters #(.Depth(Depth)) u_dut (
    .clk_i, .rst_ni, .flush_i, .wait_i, .available_o, .take_i, .give_i, .signal_i, .overflow_o
  );
  assign counts = u_dut.count_q;
  assign count  = counts[source_i][target_i];
  assign up     = give_i[source_i] && signal_i[source_i][target_i];
  assign down   = take_i[target_i] && wait_i[target_i][source_i];
  assign lost   = up && !down && count == CountW'(Depth);

  first_reset u_first (.clk_i, .rst_ni);
  initial begun_q = 1'b0;
  always_ff @(posedge clk_i) begin
    begun_q  <= 1'b1;
    source_q <= source_i;
    target_q <= target_i;
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {given_q, taken_q, lost_q, full_q} <= '0;
    end else if (flush_i) begin
      {given_q, taken_q, lost_q, full_q} <= '0;
    end else begin
      given_q <= given_q + 8'(up);
      taken_q <= taken_q + 8'(down);
      lost_q  <= lost_q || lost;
      full_q  <= full_q || count == CountW'(Depth);
    end
  end

  logic [Engines-1:0] short_of;  // a token that the target wants is not there
  always_comb begin
    short_of = '0;
    for (int unsigned t = 0; t < Engines; t++) begin
      for (int unsigned s = 0; s < Engines; s++) short_of[t] = short_of[t] || (wait_i[t][s] && counts[s][t] == '0);
    end
  end
  always_comb begin
    m_pair_holds_still   : assume (!begun_q || (source_i == source_q && target_i == target_q));
    m_take_what_is_there : assume ((take_i & ~available_o) == '0);
    a_count_is_balance   : assert (lost_q || 8'(count) == given_q - taken_q);
    a_not_beyond_depth   : assert (32'(count) <= Depth);
    a_not_below_zero     : assert (!down || count != '0);
    a_available          : assert (available_o == ~short_of);
    a_lost_is_told       : assert (!lost || overflow_o);
  end

  assign reach_full_o     = count == CountW'(Depth) && !lost_q;
  assign reach_overflow_o = overflow_o;
  assign reach_drained_o  = full_q && count == '0;
  assign reach_both_o     = up && down && count == CountW'(Depth);
endmodule
`default_nettype wire
